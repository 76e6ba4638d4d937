import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LEAN_NODE } from '../cli/lean-node.ts';
import { type CommandOptions, ROOT, runCommand, tidy } from './run-command.ts';

/** The compiled program, as an installed package runs it. */
export const MAIN = path.join(ROOT, 'dist/cli/main.js');

/** The `outrigger` command on a state folder of its own, so that a control plane of the user's is not touched. */
export class Outrigger implements AsyncDisposable {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  #server: ChildProcess | null = null;

  private constructor(folder: string) {
    this.folder = folder;
    this.environment = { ...process.env, OUTRIGGER_STATE: folder };
    delete this.environment['OUTRIGGER_ADDRESS'];
  }

  static async make(): Promise<Outrigger> {
    return new Outrigger(await mkdtemp(path.join(tmpdir(), 'outrigger-bench-')));
  }

  get socket(): string {
    return path.join(this.folder, 'control.sock');
  }

  run(args: readonly string[], options: Omit<CommandOptions, 'environment'>): Promise<string> {
    return runCommand(process.execPath, [MAIN, ...args], { ...options, environment: this.environment });
  }

  /** Starts a control plane as `up` starts one; resolves to its process id once it answers. */
  async serve(signal: AbortSignal): Promise<number> {
    const server = spawn(process.execPath, [...LEAN_NODE.flags, MAIN, 'serve'], {
      env: { ...LEAN_NODE.environment, ...this.environment },
      stdio: 'ignore',
    });
    this.#server = server;
    await this.answering(signal);
    return server.pid!;
  }

  /** Resolves once the control plane answers GET /healthz with 200. Rejects after 20 s. */
  async answering(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!(await this.#isHealthy())) {
      signal.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`no control plane answers at ${this.socket} after 20 s`);
      await sleep(2, undefined, { signal });
    }
  }

  /** Ends the control plane that answers on this state folder, whoever started it; containers stay. */
  async stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server) {
      const ended = once(server, 'exit');
      if (server.exitCode === null && server.signalCode === null && server.kill()) await ended;
      return;
    }
    const pid = await this.pid(AbortSignal.timeout(10_000)).catch(() => null);
    if (pid === null) return;
    process.kill(pid, 'SIGTERM');
    const deadline = performance.now() + 10_000;
    while (isAlive(pid) && performance.now() < deadline) await sleep(10);
  }

  /** The process id of the control plane that answers. */
  async pid(signal: AbortSignal): Promise<number> {
    const { controlPlane } = JSON.parse(await this.run(['version', '--json'], { signal }));
    if (typeof controlPlane?.pid !== 'number') throw new Error(`no control plane answers at ${this.socket}`);
    return controlPlane.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await tidy('stop a control plane', () => this.stopServer());
    await rm(this.folder, { recursive: true, force: true });
  }

  #isHealthy(): Promise<boolean> {
    return new Promise(resolve => {
      const socket = connect(this.socket);
      socket.on('error', () => resolve(false));
      socket.on('close', () => resolve(false));
      socket.on('connect', () => socket.write('GET /healthz HTTP/1.1\r\nhost: outrigger\r\nconnection: close\r\n\r\n'));
      socket.once('data', (chunk: Buffer) => {
        resolve(chunk.toString('latin1').startsWith('HTTP/1.1 200'));
        socket.destroy();
      });
    });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
