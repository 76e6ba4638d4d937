import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.join(import.meta.dirname, '..');
const OUTRIGGER = path.join(ROOT, 'bin/outrigger');

/** Runs a command as a person would, its output on the terminal; rejects where it fails. */
export async function run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(command, args, { cwd: ROOT, env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with status ${status}`);
}

/** Runs a command for its standard output. */
export async function read(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, {
    cwd: ROOT,
    env: environment,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

export function outrigger(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  return run(OUTRIGGER, args, environment);
}

export async function outriggerJson<T>(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<T> {
  return JSON.parse(await read(OUTRIGGER, [...args, '--json'], environment)) as T;
}
