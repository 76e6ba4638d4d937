import { spawn } from 'node:child_process';
import path from 'node:path';

export const ROOT = path.join(import.meta.dirname, '..');

export interface CommandOptions {
  readonly signal: AbortSignal;
  readonly environment?: NodeJS.ProcessEnv;
  /** Absent: two minutes. */
  readonly timeoutMs?: number;
}

/** Runs a command; resolves to its standard output. Rejects where it fails, is too slow or the signal fires. */
export async function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const { signal, environment = process.env, timeoutMs = 120_000 } = options;
  const child = spawn(command, args, {
    cwd: ROOT,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const status = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, killedBy) => resolve(code ?? killedBy ?? 'unknown'));
  });
  if (status === 0) return Buffer.concat(output).toString('utf8');
  const said = Buffer.concat(errors).toString('utf8').trim().split('\n').slice(-5).join('\n');
  throw new Error(`${[command, ...args].join(' ')} ended with ${status}:\n${said}`);
}

/** Milliseconds that a task takes. */
export async function timed(task: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await task();
  return performance.now() - start;
}

/** Runs a cleanup to its end, whatever fails; what failed is told, so that nobody is left with a leftover unawares. */
export async function tidy(what: string, task: () => Promise<unknown>): Promise<void> {
  try {
    await task();
  } catch (error) {
    process.stderr.write(`\ncould not ${what}: ${(error as Error).message}\n`);
  }
}
