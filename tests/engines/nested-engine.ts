import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { until } from '../until.ts';
import { type EngineCertificates, writeEngineCertificates } from './engine-certificates.ts';
import { type EngineAge, ensureEngineImage } from './engine-image.ts';
import { type SimulatedGpuFacts, SimulatedGpus } from './simulated-gpus.ts';

export interface NestedEngineOptions {
  /** Images of this machine's that it has from the start. */
  readonly images: readonly string[];
  readonly liveRestore?: boolean;
  /** `recent` where it has GPUs, `old` otherwise. */
  readonly age?: EngineAge;
  readonly gpus?: readonly SimulatedGpuFacts[];
  /** Besides its socket it listens on `address`, for whoever comes, or for those with the client's certificate. */
  readonly listen?: 'tcp' | 'tls';
}

/**
 * A Docker Engine of its own in a container of this machine's, to be killed, stopped, frozen and cut off at will. Its socket
 * lies in a folder of this machine. Addresses of containers inside lead nowhere from here; published ports are reached at
 * `address`. It goes when this process does, however that ends.
 */
export class NestedEngine {
  /** For DOCKER_HOST; answers when the node is cut off, too. */
  readonly host: string;
  /** The engine's own address, to publish ports on. */
  readonly address: string;
  readonly docker: Docker;
  readonly certificates: EngineCertificates | null;
  readonly #outer: Docker.Container;
  readonly #folder: string;
  readonly #gpus: SimulatedGpus | null;
  readonly #options: NestedEngineOptions;

  private constructor(parts: {
    outer: Docker.Container;
    folder: string;
    address: string;
    gpus: SimulatedGpus | null;
    certificates: EngineCertificates | null;
    options: NestedEngineOptions;
  }) {
    const socketPath = path.join(parts.folder, SOCKET);
    this.#outer = parts.outer;
    this.#folder = parts.folder;
    this.address = parts.address;
    this.#gpus = parts.gpus;
    this.certificates = parts.certificates;
    this.#options = parts.options;
    this.host = `unix://${socketPath}`;
    this.docker = new Docker({ socketPath, protocol: 'http' });
  }

  /** Takes about a second once its image is built; several may start at once. */
  static async start(options: NestedEngineOptions): Promise<NestedEngine> {
    const machine = new Docker();
    const image = await ensureEngineImage(options.age ?? (options.gpus ? 'recent' : 'old'));
    await removeAbandoned(machine);
    const folder = await mkdtemp(path.join(tmpdir(), `${FOLDER}${process.pid}-`));
    const gpus = options.gpus
      ? await SimulatedGpus.write(options.gpus, { folder: path.join(folder, 'gpus'), mountedAt: `${SHARED}/gpus` })
      : null;
    const outer = await machine.createContainer(containerOptions({ image, folder, withGpus: gpus !== null }));
    try {
      await holdOpen(outer);
      await outer.start();
      const address = (await outer.inspect()).NetworkSettings.Networks['bridge']?.IPAddress ?? '';
      const certificates =
        options.listen === 'tls' ? await writeEngineCertificates(path.join(folder, 'tls'), address) : null;
      const engine = new NestedEngine({ outer, folder, address, gpus, certificates, options });
      await engine.startDaemon({ liveRestore: options.liveRestore ?? false });
      for (const name of options.images) await engine.#load(machine, name);
      return engine;
    } catch (error) {
      await outer.remove({ force: true, v: true });
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Where it listens beyond its socket: `tcp://172.17.0.5:2376`. */
  get url(): string {
    return `tcp://${this.address}:${this.#port}`;
  }

  get gpus(): SimulatedGpus {
    if (!this.#gpus) throw new Error('this engine was started without GPUs');
    return this.#gpus;
  }

  get #port(): number {
    if (this.#options.listen === undefined) throw new Error('this engine listens on its socket only');
    return this.#options.listen === 'tls' ? 2376 : 2375;
  }

  /** Resolves once the engine answers. */
  async startDaemon({ liveRestore }: { liveRestore: boolean }): Promise<void> {
    const listen = this.#options.listen === undefined ? [] : [`-H tcp://0.0.0.0:${this.#port}`];
    const tls = ['--tlsverify', ...['cacert ca', 'cert server', 'key server'].map(inTlsFolder)];
    const options = [
      `-H unix://${SHARED}/${SOCKET}`,
      ...listen,
      ...(this.#options.listen === 'tls' ? tls : listen.length > 0 ? ['--tls=false'] : []),
      ...POOLS,
      ...(liveRestore ? ['--live-restore'] : []),
    ];
    const command = `${CGROUP_PARENT}exec dockerd $parent ${options.join(' ')} >>${SHARED}/dockerd.log 2>&1`;
    await run('docker', ['exec', '--detach', this.#outer.id, 'sh', '-c', command]);
    await until(
      () => this.log(),
      () =>
        this.docker.listContainers({ limit: 1, abortSignal: AbortSignal.timeout(1_000) }).then(
          () => true,
          () => false,
        ),
    );
  }

  /** Resolves when no dockerd is left. With SIGKILL its containers run on, as after a crash. */
  async endDaemon(signal: 'KILL' | 'TERM'): Promise<void> {
    await this.run(`kill -${signal} $(cat /var/run/docker.pid)`);
    await until(
      () => `dockerd is gone after SIG${signal}`,
      async () => (await this.run('cat /proc/[0-9]*/comm | grep -cx dockerd || true')).trim() === '0',
    );
  }

  /** It keeps its socket, and answers nothing. */
  async freezeDaemon(): Promise<void> {
    await this.run('kill -STOP $(cat /var/run/docker.pid)');
  }

  async thawDaemon(): Promise<void> {
    await this.run('kill -CONT $(cat /var/run/docker.pid)');
  }

  /** The whole machine stands still: the engine and every container of it. */
  async freeze(): Promise<void> {
    await this.#outer.pause();
  }

  async thaw(): Promise<void> {
    await this.#outer.unpause();
  }

  /** Nothing comes in over the network and nothing goes out, as with a pulled cable; all of it runs on. Idempotent. */
  async cutOff(): Promise<void> {
    await this.run(forEachCut(rule => `iptables -t raw -C ${rule} 2>/dev/null || iptables -t raw -I ${rule}`));
  }

  async reconnect(): Promise<void> {
    await this.run(forEachCut(rule => `while iptables -t raw -D ${rule} 2>/dev/null; do :; done`));
  }

  /** Runs a shell command beside dockerd, where the processes of its containers are seen too. Rejects where that fails. */
  async run(command: string): Promise<string> {
    const { stdout } = await run('docker', ['exec', this.#outer.id, 'sh', '-c', command]);
    return stdout;
  }

  /** Runs a command in a container of this engine; output is stdout and stderr. */
  async exec(containerId: string, command: readonly string[]): Promise<{ exitCode: number; output: string }> {
    const container = this.docker.getContainer(containerId);
    const exec = await container.exec({ Cmd: [...command], User: '0', AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true, stdin: false });
    let output = '';
    const sink = { write: (chunk: Buffer) => (output += chunk.toString()) };
    this.docker.modem.demuxStream(stream, sink as never, sink as never);
    await new Promise<void>((resolve, reject) => stream.once('end', resolve).once('error', reject));
    return { exitCode: (await exec.inspect()).ExitCode ?? -1, output };
  }

  /** Takes the device nodes away from a running container, as a reload of the machine's init is known to do. */
  async takeDevicesFrom(containerId: string): Promise<void> {
    const { exitCode, output } = await this.exec(containerId, ['/bin/sh', '-c', 'rm /dev/nvidia[0-9]*']);
    if (exitCode !== 0) throw new Error(`${containerId} keeps its devices: ${output}`);
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

const FOLDER = 'outrigger-engine-';
const LABEL = 'outrigger-test.engine-of';
const SHARED = '/shared';
const SOCKET = 'docker.sock';
/** Away from the networks of this machine's engine, so that an address inside never means a container outside. */
const POOLS = ['--bip 10.200.0.1/24', '--default-address-pool base=10.201.0.0/16,size=24'];
/** Where cgroups nest, those of its containers lie below its own: frozen with it, bounded with it, gone with it. */
const CGROUP_PARENT = "parent=$(sed -n 's/^[0-9]*:memory:\\(.*\\)/--cgroup-parent=\\1\\/inside/p' /proc/self/cgroup); ";

function inTlsFolder(option: string): string {
  const [flag, name] = option.split(' ');
  const file = flag === 'key' ? `${name}.key` : `${name}.pem`;
  return `--tls${flag}=${SHARED}/tls/${file}`;
}

function forEachCut(command: (rule: string) => string): string {
  return ['PREROUTING -i eth0 -j DROP', 'OUTPUT -o eth0 -j DROP'].map(command).join('\n');
}

function containerOptions({ image, folder, withGpus }: { image: string; folder: string; withGpus: boolean }) {
  return {
    Image: image,
    // dockerd is not process 1: it has to be able to die while its containers live on. The container ends with its stdin.
    Cmd: ['sh', '-c', 'mount -o remount,rw /proc/sys; exec cat >/dev/null'],
    OpenStdin: true,
    StdinOnce: true,
    Labels: { [LABEL]: String(process.pid) },
    Volumes: { '/var/lib/docker': {} },
    HostConfig: {
      AutoRemove: true,
      Init: true,
      CapAdd: ['SYS_ADMIN', 'NET_ADMIN', 'MKNOD'],
      CgroupnsMode: 'host' as const,
      SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
      MaskedPaths: [],
      ReadonlyPaths: [],
      Binds: [
        '/sys/fs/cgroup:/sys/fs/cgroup',
        `${folder}:${SHARED}`,
        ...(withGpus ? [`${folder}/gpus/cdi:/etc/cdi:ro`] : []),
      ],
      Memory: 2 * 2 ** 30,
    },
  };
}

/** Holds the container's stdin from here: with this process it ends, and the container removes itself. */
async function holdOpen(outer: Docker.Container): Promise<void> {
  const stream = await outer.attach({ stream: true, stdin: true, hijack: true });
  stream.on('error', () => {});
  (stream as NodeJS.ReadWriteStream & { unref?: () => void }).unref?.();
}

/** Engines of test processes that ended in a way that nobody saw, and folders of those that were killed. */
async function removeAbandoned(machine: Docker): Promise<void> {
  for (const { Id, Labels } of await machine.listContainers({ all: true, filters: { label: [LABEL] } })) {
    if (isAlive(Number(Labels[LABEL]))) continue;
    await machine
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch(() => {});
  }
  for (const name of await readdir(tmpdir())) {
    const pid = new RegExp(`^${FOLDER}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(path.join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
