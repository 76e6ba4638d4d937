import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { until } from '../product/until.ts';

/**
 * A Docker Engine of its own in a container of this machine's, to be killed, stopped and frozen at will. Its socket lies
 * in a folder of this machine. Addresses of containers inside lead nowhere from here; published ports are reached at `address`.
 */
export class NestedEngine {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** The engine's own address, to publish ports on. */
  readonly address: string;
  readonly docker: Docker;
  readonly #outer: Docker.Container;
  readonly #folder: string;

  private constructor(outer: Docker.Container, folder: string, address: string) {
    const socketPath = path.join(folder, SOCKET);
    this.#outer = outer;
    this.#folder = folder;
    this.address = address;
    this.host = `unix://${socketPath}`;
    this.docker = new Docker({ socketPath, protocol: 'http' });
  }

  /** Starts an engine that has these images of this machine's. Takes about two seconds once its image is built. */
  static async start({
    images,
    liveRestore,
  }: {
    images: readonly string[];
    liveRestore: boolean;
  }): Promise<NestedEngine> {
    await ensureEngineImage();
    const machine = new Docker();
    await removeAbandoned(machine);
    const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-engine-'));
    const options: Docker.ContainerCreateOptions & {
      HostConfig: { CgroupnsMode: string; MaskedPaths: string[]; ReadonlyPaths: string[] };
    } = {
      Image: ENGINE_IMAGE,
      // dockerd is not process 1: it has to be able to die while its containers live on.
      Cmd: ['sh', '-c', 'mount -o remount,rw /proc/sys; exec sleep infinity'],
      Labels: { [LABEL]: String(process.pid) },
      Volumes: { '/var/lib/docker': {} },
      HostConfig: {
        Init: true,
        CapAdd: ['SYS_ADMIN', 'NET_ADMIN', 'MKNOD'],
        CgroupnsMode: 'host',
        SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
        MaskedPaths: [],
        ReadonlyPaths: [],
        Binds: ['/sys/fs/cgroup:/sys/fs/cgroup', `${folder}:${SHARED}`],
        Memory: 2 * 2 ** 30,
      },
    };
    const outer = await machine.createContainer(options);
    await outer.start();
    const address = (await outer.inspect()).NetworkSettings.Networks['bridge']?.IPAddress ?? '';
    const engine = new NestedEngine(outer, folder, address);
    try {
      await engine.startDaemon({ liveRestore });
      for (const image of images) await engine.#load(machine, image);
      return engine;
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  }

  /** Resolves once the engine answers. */
  async startDaemon({ liveRestore }: { liveRestore: boolean }): Promise<void> {
    const options = [`-H unix://${SHARED}/${SOCKET}`, ...POOLS, ...(liveRestore ? ['--live-restore'] : [])];
    const command = `exec dockerd ${options.join(' ')} >>${SHARED}/dockerd.log 2>&1`;
    await run('docker', ['exec', '--detach', this.#outer.id, 'sh', '-c', command]);
    await until(
      () =>
        this.docker.listContainers({ limit: 1, abortSignal: AbortSignal.timeout(1_000) }).then(
          () => true,
          () => false,
        ),
      () => this.log(),
    );
  }

  /** Resolves when no dockerd is left. With SIGKILL its containers run on, as after a crash. */
  async endDaemon(signal: 'KILL' | 'TERM'): Promise<void> {
    await this.run(`kill -${signal} $(cat /var/run/docker.pid)`);
    await until(
      async () => (await this.run('cat /proc/[0-9]*/comm | grep -cx dockerd || true')).trim() === '0',
      () => `dockerd is gone after SIG${signal}`,
    );
  }

  /** It keeps its socket, and answers nothing. */
  async freezeDaemon(): Promise<void> {
    await this.run('kill -STOP $(cat /var/run/docker.pid)');
  }

  async thawDaemon(): Promise<void> {
    await this.run('kill -CONT $(cat /var/run/docker.pid)');
  }

  /** Runs a shell command beside dockerd, where the processes of its containers are seen too. Rejects where that fails. */
  async run(command: string): Promise<string> {
    const { stdout } = await run('docker', ['exec', this.#outer.id, 'sh', '-c', command]);
    return stdout;
  }

  async log(): Promise<string> {
    const text = await readFile(path.join(this.#folder, 'dockerd.log'), 'utf8').catch(() => '');
    return `the nested engine answers; it wrote:\n${text.slice(-4_000)}`;
  }

  async dispose(): Promise<void> {
    await this.#outer.remove({ force: true, v: true });
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #load(machine: Docker, image: string): Promise<void> {
    const answer = await this.docker.loadImage(await machine.getImage(image).get());
    answer.resume();
    await finished(answer);
  }
}

const run = promisify(execFile);

const ENGINE_IMAGE = 'outrigger-test/engine:1';
const LABEL = 'outrigger-test.engine-of';
const SHARED = '/shared';
const SOCKET = 'docker.sock';
/** Away from the networks of this machine's engine, so that an address inside never means a container outside. */
const POOLS = ['--bip 10.200.0.1/24', '--default-address-pool base=10.201.0.0/16,size=24'];

/** Builds the image once, from the distribution's packages. */
async function ensureEngineImage(): Promise<void> {
  const there = await new Docker()
    .getImage(ENGINE_IMAGE)
    .inspect()
    .catch(() => null);
  if (there) return;
  const dockerfile = `FROM ${BASE_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends docker.io iptables && rm -rf /var/lib/apt/lists/*
LABEL outrigger-test=engine
`;
  const build = spawn('docker', ['build', '--tag', ENGINE_IMAGE, '--force-rm', '-'], { timeout: BUILD_TIMEOUT_MS });
  let output = '';
  for (const stream of [build.stdout, build.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  build.stdin.end(dockerfile);
  const code = await new Promise((resolve, reject) => build.once('error', reject).once('close', resolve));
  if (code === 0) return;
  throw new Error(`${ENGINE_IMAGE} could not be built from ${BASE_IMAGE} (make images makes that):\n${output}`);
}

const BASE_IMAGE = 'outrigger-base/debian:bookworm';
const BUILD_TIMEOUT_MS = 10 * 60_000;

/** Engines of test processes that were killed before they could clean up. */
async function removeAbandoned(machine: Docker): Promise<void> {
  for (const { Id, Labels } of await machine.listContainers({ all: true, filters: { label: [LABEL] } })) {
    if (isAlive(Number(Labels[LABEL]))) continue;
    await machine
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
