import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { ensureEngineImage } from '../engines/engine-image.ts';
import { until } from '../until.ts';

/**
 * An sshd in a container, with docker there that speaks to this machine's engine; and the ssh of a user who may enter:
 * a key, known hosts and a configuration of its own, none of the real user's.
 */
export class SshServer {
  /** `root@172.17.0.5`. */
  readonly destination: string;
  readonly address: string;
  /** What a program has to run with so that its `ssh` is this user's. */
  readonly environment: NodeJS.ProcessEnv;
  /** Holds `key`, `known_hosts` and `config`. */
  readonly folder: string;
  readonly #container: Docker.Container;

  private constructor(container: Docker.Container, folder: string, address: string) {
    this.#container = container;
    this.folder = folder;
    this.address = address;
    this.destination = `root@${address}`;
    this.environment = { ...process.env, PATH: `${path.join(folder, 'bin')}:${process.env['PATH']}` };
  }

  static async start(): Promise<SshServer> {
    const image = await ensureSshImage();
    const machine = new Docker();
    await removeAbandoned(machine);
    const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-ssh-'));
    const key = path.join(folder, 'key');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(folder, 'stranger')]);
    const container = await machine.createContainer({
      Image: image,
      Env: [`AUTHORIZED_KEY=${await readFile(`${key}.pub`, 'utf8')}`],
      Labels: { [LABEL]: String(process.pid) },
      HostConfig: { Init: true, AutoRemove: true, Binds: ['/var/run/docker.sock:/var/run/docker.sock'] },
    });
    await container.start();
    const address = (await container.inspect()).NetworkSettings.Networks['bridge']?.IPAddress ?? '';
    const server = new SshServer(container, folder, address);
    try {
      await server.#writeClient();
      await server.trust();
      return server;
    } catch (error) {
      await server.dispose();
      throw error;
    }
  }

  /** Notes the server's host key as known. */
  async trust(): Promise<void> {
    const keys = await until(
      () => `sshd at ${this.address} answers`,
      () =>
        run('ssh-keyscan', ['-T', '2', '-t', 'ed25519', this.address]).then(
          ({ stdout }) => stdout,
          () => '',
        ),
    );
    await writeFile(path.join(this.folder, 'known_hosts'), keys);
  }

  async distrust(): Promise<void> {
    await writeFile(path.join(this.folder, 'known_hosts'), '');
  }

  /** Which key the user offers. */
  async offer(key: 'key' | 'stranger'): Promise<void> {
    await this.#writeConfig(key);
  }

  /** Runs a shell command beside sshd. */
  async run(command: string): Promise<string> {
    const { stdout } = await run('docker', ['exec', this.#container.id, 'sh', '-c', command]);
    return stdout;
  }

  async dispose(): Promise<void> {
    await this.#container.remove({ force: true }).catch(() => {});
    await rm(this.folder, { recursive: true, force: true });
  }

  /** ssh reads its files from the home of the account, whatever HOME says: so `ssh` is a program that names others. */
  async #writeClient(): Promise<void> {
    const { stdout } = await run('sh', ['-c', 'command -v ssh']);
    const bin = path.join(this.folder, 'bin');
    await mkdir(bin);
    await writeFile(
      path.join(bin, 'ssh'),
      `#!/bin/sh\necho "$$ $*" >>'${this.folder}/runs'\nexec ${stdout.trim()} -F '${this.folder}/config' "$@"\n`,
    );
    await chmod(path.join(bin, 'ssh'), 0o755);
    await this.#writeConfig('key');
  }

  async #writeConfig(key: string): Promise<void> {
    const lines = [
      'Host *',
      `IdentityFile ${this.folder}/${key}`,
      'IdentitiesOnly yes',
      `UserKnownHostsFile ${this.folder}/known_hosts`,
      'GlobalKnownHostsFile /dev/null',
      'Host gpu-lab',
      `HostName ${this.address}`,
      'User root',
    ];
    await writeFile(path.join(this.folder, 'config'), `${lines.join('\n')}\n`);
  }
}

const run = promisify(execFile);
const LABEL = 'outrigger-test.ssh-of';

const SSH_IMAGE = 'outrigger-test/sshd:2';

async function ensureSshImage(): Promise<string> {
  const there = await new Docker()
    .getImage(SSH_IMAGE)
    .inspect()
    .catch(() => null);
  if (there) return SSH_IMAGE;
  const dockerfile = `FROM ${await ensureEngineImage('old')}
RUN apt-get update && apt-get install -y --no-install-recommends openssh-server && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /run/sshd ~/.ssh && rm -f /etc/ssh/ssh_host_*
CMD ["sh", "-c", "ssh-keygen -A && echo \\"$AUTHORIZED_KEY\\" >~/.ssh/authorized_keys && exec /usr/sbin/sshd -D -e"]
LABEL outrigger-test=sshd
`;
  const child = spawn('docker', ['build', '--tag', SSH_IMAGE, '--force-rm', '-'], { timeout: 10 * 60_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(dockerfile);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`${SSH_IMAGE} could not be built:\n${output}`);
  return SSH_IMAGE;
}

/** Of test processes that were killed. */
async function removeAbandoned(machine: Docker): Promise<void> {
  for (const { Id, Labels } of await machine.listContainers({ all: true, filters: { label: [LABEL] } })) {
    try {
      process.kill(Number(Labels[LABEL]), 0);
    } catch {
      await machine
        .getContainer(Id)
        .remove({ force: true })
        .catch(() => {});
    }
  }
}
