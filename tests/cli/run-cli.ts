import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';

export interface CliOptions {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Words before the program, of what runs it. */
  readonly runner?: readonly string[];
}

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const RUN_DEADLINE_MS = 60_000;
/** AVA begins all tests of a file at once: more processes than that would only take each other's time before the deadline. */
const MOST_AT_ONCE = 6;
let running = 0;
const waiting: (() => void)[] = [];

/** Runs the real command line in a process of its own and waits for its end; its deadline begins when it does. */
export async function runCli(options: CliOptions): Promise<CliResult> {
  if (running < MOST_AT_ONCE) running += 1;
  else await new Promise<void>(resolve => waiting.push(resolve));
  try {
    return await startCli(options).ended;
  } finally {
    // Whoever is next takes the place over.
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

export interface RunningCli {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<CliResult>;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves once the text was written; rejects when the command ends without it, or at the deadline. */
  until(stream: 'stdout' | 'stderr', text: string | RegExp, deadlineMs?: number): Promise<void>;
}

export function startCli({ args, environment = {}, cwd, runner = [] }: CliOptions): RunningCli {
  const [program, ...words] = [...runner, process.execPath, MAIN, ...args];
  const child = spawn(program!, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...cleanEnvironment(), ...environment },
    ...(cwd !== undefined && { cwd }),
  });
  const written = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), RUN_DEADLINE_MS);
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => {
      clearTimeout(timer);
      resolve({ code, ...written });
    });
  });
  return {
    child,
    ended,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    until: (stream, text, deadlineMs = 60_000) =>
      new Promise((resolve, reject) => {
        const says = (why: string) => {
          stop();
          reject(new Error(`${args.join(' ')} ${why} without ${text}:\n${written.stdout}\n${written.stderr}`));
        };
        const late = setTimeout(() => says('went on'), deadlineMs);
        const look = () => {
          const found = typeof text === 'string' ? written[stream].includes(text) : text.test(written[stream]);
          if (!found) return;
          stop();
          resolve();
        };
        const stop = () => {
          clearTimeout(late);
          listeners.delete(look);
        };
        listeners.add(look);
        look();
        ended.then(() => {
          look();
          if (listeners.has(look)) says('ended');
        }, reject);
      }),
  };
}

/** A folder that goes with the test. */
export async function testFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-cli-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What the machine's own settings say must not reach the tests. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(OUTRIGGER_|COMPOSE_|CONSUL_|FORCE_COLOR|NO_COLOR|COLUMNS|NODE_OPTIONS)/.test(name),
  );
  return Object.fromEntries(kept);
}
