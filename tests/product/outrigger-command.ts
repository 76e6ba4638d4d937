import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { LABELS } from '../../control-plane/engine/docker/index.ts';
import type { ServiceView, StatusView } from '../../control-plane/views/views.ts';
import { until } from '../until.ts';

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs: what it wrote so far, and its end. */
export interface RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandResult>;
  stdout(): string;
  stderr(): string;
  /** Resolves once the text was written to either; rejects when the command ended without it, or at the deadline. */
  says(text: RegExp): Promise<void>;
}

/**
 * The `outrigger` command as a person uses it: in a folder with a service file, with a state folder of its own, so that
 * the control plane that `up` starts is this test's. `dispose()` removes whatever it left.
 */
export class OutriggerCommand {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #program: string;
  readonly #started: ChildProcess[] = [];
  #instance: string | undefined;

  private constructor(folder: string, program: string, environment: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.#program = program;
    this.environment = environment;
  }

  /** In a folder of its own. Whoever opens it disposes of it. */
  static async open(options: { program?: string; environment?: NodeJS.ProcessEnv } = {}): Promise<OutriggerCommand> {
    const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-product-'));
    const environment = {
      ...withoutSettings(process.env),
      OUTRIGGER_STATE: path.join(folder, 'state'),
      ...options.environment,
    };
    return new OutriggerCommand(folder, options.program ?? OUTRIGGER, environment);
  }

  /** The same command, and the same control plane, in another folder; not to be disposed of. */
  at(folder: string, environment: NodeJS.ProcessEnv = {}): OutriggerCommand {
    return new OutriggerCommand(folder, this.#program, { ...this.environment, ...environment });
  }

  async write(file: string, content: string): Promise<string> {
    const where = path.join(this.folder, file);
    await writeFile(where, content);
    return where;
  }

  start(...args: readonly string[]): RunningCommand {
    const command = startCommand(this.#program, args, { cwd: this.folder, env: this.environment });
    this.#started.push(command.child);
    return command;
  }

  async run(...args: readonly string[]): Promise<CommandResult> {
    const result = await this.start(...args).ended;
    if (args[0] === 'up' && result.status === 0) await this.instance().catch(() => {});
    return result;
  }

  /** For a command that has to succeed; rejects with all it wrote. */
  async must(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...args);
    if (status !== 0) throw new Error(`outrigger ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.must(...args, '--json')) as T;
  }

  async services(project?: string): Promise<readonly ServiceView[]> {
    const which = project === undefined ? [] : ['-p', project];
    return (await this.json<{ services: ServiceView[] }>('ps', ...which)).services;
  }

  async controlPlane(): Promise<StatusView | null> {
    const { controlPlane } = await this.json<{ controlPlane: StatusView | null }>('version');
    // It may end by itself before anybody asks whose it was.
    this.#instance ??= controlPlane?.instance;
    return controlPlane;
  }

  /** The instance of the control plane that runs, or that ran last: what all it made is labelled with. */
  async instance(): Promise<string> {
    if (this.#instance === undefined) await this.controlPlane();
    if (this.#instance === undefined) throw new Error('no control plane has run here');
    return this.#instance;
  }

  /** What carries the instance's label, whatever its state. */
  async left(): Promise<{ containers: string[]; networks: string[] }> {
    const filters = { label: [`${LABELS.instance}=${await this.instance()}`] };
    const [containers, networks] = await Promise.all([
      docker.listContainers({ all: true, filters }),
      docker.listNetworks({ filters }),
    ]);
    return { containers: containers.flatMap(c => c.Names), networks: networks.map(n => n.Name) };
  }

  async dispose(): Promise<void> {
    for (const child of this.#started) child.kill('SIGKILL');
    const status = await this.controlPlane().catch(() => null);
    if (status) {
      this.#instance ??= status.instance;
      process.kill(status.pid, 'SIGKILL');
      await until('the control plane is gone', () => !isAlive(status.pid));
    }
    if (this.#instance !== undefined) {
      const filters = { label: [`${LABELS.instance}=${this.#instance}`] };
      const quietly = () => {};
      for (const c of await docker.listContainers({ all: true, filters })) {
        await docker.getContainer(c.Id).remove({ force: true, v: true }).catch(quietly);
      }
      for (const n of await docker.listNetworks({ filters })) await docker.getNetwork(n.Id).remove().catch(quietly);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

const OUTRIGGER = path.join(import.meta.dirname, '../../bin/outrigger');
const docker = new Docker();

export function startCommand(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): RunningCommand {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
    });
  }
  // Far beyond what any command here takes: a hang becomes a failure.
  const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_DEADLINE_MS);
  let over = false;
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', status => {
      clearTimeout(timer);
      over = true;
      resolve({ status, ...written });
    });
  });
  return {
    child,
    ended,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    async says(text) {
      const said = () => text.test(written.stdout) || text.test(written.stderr);
      const report = () => `${args.join(' ')} says ${text}; it wrote:\n${written.stdout}\n${written.stderr}`;
      await until(report, () => said() || over);
      if (!said()) throw new Error(`it ended first: ${report()}`);
    },
  };
}

/** For a command that has to succeed; resolves to what it wrote to stdout, rejects with all it wrote. */
export async function output(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { status, stdout, stderr } = await startCommand(program, args, options).ended;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What the machine's own settings say must not reach the tests. */
export function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const settings = /^(OUTRIGGER_|COMPOSE_|CONSUL_|FORCE_COLOR|NO_COLOR|COLUMNS|NODE_OPTIONS|NODE_TEST_CONTEXT)/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !settings.test(name)));
}

const COMMAND_DEADLINE_MS = 150_000;
