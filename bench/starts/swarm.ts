import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { runCommand, tidy } from '../run-command.ts';

const NAME = 'outrigger-bench-swarm';

/** Makes this engine a Swarm of one where it is none, and undoes that when it is disposed of. */
export class Swarm implements AsyncDisposable {
  readonly #docker: Docker;
  readonly #undo: AsyncDisposableStack;

  private constructor(docker: Docker, undo: AsyncDisposableStack) {
    this.#docker = docker;
    this.#undo = undo;
  }

  static async join(docker: Docker, signal: AbortSignal): Promise<Swarm> {
    await using undo = new AsyncDisposableStack();
    const quietly = (args: readonly string[]) => () =>
      tidy(`run docker ${args.join(' ')}`, () => runCommand('docker', args, { signal: new AbortController().signal }));
    const info = await docker.info();
    if (info.Swarm?.LocalNodeState !== 'active') {
      const hadGateway = (await docker.listNetworks()).some(network => network.Name === 'docker_gwbridge');
      await runCommand('docker', ['swarm', 'init', '--advertise-addr', '127.0.0.1'], { signal });
      if (!hadGateway) undo.defer(quietly(['network', 'rm', 'docker_gwbridge']));
      undo.defer(quietly(['swarm', 'leave', '--force']));
    }
    await runCommand('docker', ['network', 'create', '--driver', 'overlay', NAME], { signal });
    undo.defer(quietly(['network', 'rm', NAME]));
    return new Swarm(docker, undo.move());
  }

  /**
   * One service of ten tasks, until all run; with a healthcheck that means healthy. Without the five seconds that the
   * command itself would go on watching. Milliseconds.
   */
  async up(signal: AbortSignal): Promise<number> {
    const check = 'busybox wget -q -O /dev/null http://127.0.0.1:8080/';
    const health = ['--health-cmd', check, '--health-interval', '500ms', '--health-timeout', '5s'];
    // Virtual addresses need IPVS, which not every kernel has.
    const network = ['--network', NAME, '--endpoint-mode', 'dnsrr'];
    const others = ['--detach', '--no-resolve-image', '--stop-signal', 'SIGKILL', '--replicas', '10'];
    const start = performance.now();
    await runCommand('docker', ['service', 'create', '--name', NAME, ...others, ...network, ...health, IMAGE], {
      signal,
    });
    const deadline = start + 60_000;
    while ((await this.#running()) < 10) {
      signal.throwIfAborted();
      if (performance.now() > deadline) throw new Error('the Swarm service does not run after 60 s');
      await sleep(20, undefined, { signal });
    }
    return performance.now() - start;
  }

  async down(): Promise<void> {
    const never = new AbortController().signal;
    const services = await this.#docker.listServices({ filters: { name: [NAME] } });
    if (services.length === 0) return;
    await runCommand('docker', ['service', 'rm', NAME], { signal: never });
    const filters = { label: [`com.docker.swarm.service.name=${NAME}`] };
    const deadline = performance.now() + 60_000;
    while ((await this.#docker.listContainers({ all: true, filters })).length > 0) {
      if (performance.now() > deadline) throw new Error('containers of the Swarm service are left after 60 s');
      await sleep(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await tidy('remove the Swarm service', () => this.down());
    await this.#undo.disposeAsync();
  }

  async #running(): Promise<number> {
    const tasks = await this.#docker.listTasks({ filters: { service: [NAME], 'desired-state': ['running'] } });
    return tasks.filter(task => task.Status?.State === 'running').length;
  }
}

const IMAGE = 'outrigger-bench/tiny';
