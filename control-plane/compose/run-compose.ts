import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { OutriggerError } from '../core/errors.ts';
import { composeReader } from './compose-command.ts';

/** Far above any real project; a file that expands to more is refused before it fills the memory. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
const DEADLINE_MS = 30_000;

export interface ComposeRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ComposeEnvironment {
  /** Where relative names on the command line start from. */
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Given to Compose on standard input, for `-f -`. */
  readonly stdin?: string | undefined;
  readonly deadlineMs?: number | undefined;
}

/**
 * Runs `docker compose` and returns what it said, whatever its exit code. Needs the Docker command and its compose
 * plugin, but no engine.
 * @throws OutriggerError `unavailable` without a docker command; `timeout` after 30 s or at the signal;
 *   `invalid_argument` where the output is larger than 8 MiB
 */
export async function runCompose(
  args: readonly string[],
  { cwd, environment, stdin, deadlineMs = DEADLINE_MS }: ComposeEnvironment,
  signal: AbortSignal,
): Promise<ComposeRun> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<ComposeRun>();
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  const compose = composeReader(environment);
  const child = spawn(compose.command, [...compose.args, ...args], {
    cwd,
    env: { ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    // The docker command, where it is asked, starts the plugin as a child of its own: both have to end.
    detached: true,
  });
  const stop = (reason: OutriggerError) => {
    reject(reason);
    if (child.pid !== undefined && child.exitCode === null) {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    }
  };
  const onAbort = () => stop(signal.aborted ? interrupted(signal) : tookTooLong(deadlineMs));
  deadline.addEventListener('abort', onAbort, { once: true });

  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], sizeBytes: 0 };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => {
      output.sizeBytes += chunk.length;
      if (output.sizeBytes > MAX_OUTPUT_BYTES) stop(tooLarge());
      else output[stream].push(chunk);
    });
  }
  child.on('error', error => reject(notStarted(error, cwd)));
  child.on('close', code => {
    const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString('utf8');
    resolve({ exitCode: code ?? 1, stdout: text(output.stdout), stderr: text(output.stderr) });
  });
  // Compose may end without reading what it was given.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin ?? '');
  try {
    return await promise;
  } finally {
    deadline.removeEventListener('abort', onAbort);
  }
}

export function notStarted(error: NodeJS.ErrnoException, cwd: string): OutriggerError {
  if (error.code !== 'ENOENT') {
    return new OutriggerError('unavailable', `the docker command could not be started: ${error.message}`, {
      retryable: false,
      cause: error,
    });
  }
  if (!existsSync(cwd)) return new OutriggerError('not_found', `the folder ${cwd} does not exist`, { cause: error });
  return new OutriggerError('unavailable', 'there is no docker command on the PATH', {
    retryable: false,
    next: 'Install the Docker command and its compose plugin; `outrigger doctor` checks both.',
    cause: error,
  });
}

function interrupted(signal: AbortSignal): OutriggerError {
  if (signal.reason instanceof OutriggerError) return signal.reason;
  return new OutriggerError('timeout', 'reading the service file was interrupted', { cause: signal.reason });
}

function tookTooLong(deadlineMs: number): OutriggerError {
  return new OutriggerError('timeout', `docker compose did not answer within ${deadlineMs / 1_000} s`, {
    next: 'Run `docker compose config` yourself to see where it waits; a remote include may not answer.',
  });
}

function tooLarge(): OutriggerError {
  return new OutriggerError('invalid_argument', 'the merged service file is larger than 8 MiB', {
    next: 'Split it into several projects, or move large contents into files.',
  });
}
