import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Stage {
  readonly cwd: string;
  /** Called with each line that the command writes, of either stream. */
  readonly onLine: (line: string) => void;
  /** Ends the command and all that it has started. */
  readonly signal: AbortSignal;
  /** What it gets to end by itself, before it is killed. */
  readonly graceMs: number;
}

/**
 * Runs a command in a process group of its own; resolves to its exit status, 1 where it was ended or could not start. AVA
 * leaves its workers behind when it alone is told to end, and whoever holds its output keeps it open: so the whole group is
 * ended, and after the command's own end its output is waited for no longer than the grace.
 */
export function runStage(command: string, args: readonly string[], stage: Stage): Promise<number> {
  const { cwd, onLine, signal, graceMs } = stage;
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const readers = [child.stdout, child.stderr].map(input => createInterface({ input }).on('line', onLine));
    const timers: NodeJS.Timeout[] = [];
    const tell = (word: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, word);
      } catch {
        // Nobody of it is left.
      }
    };
    const end = () => {
      tell('SIGTERM');
      timers.push(setTimeout(() => tell('SIGKILL'), graceMs));
    };
    // The terminal speaks to its own group only.
    const pass = (word: NodeJS.Signals) => {
      tell(word);
      process.exit(1);
    };
    const settle = (status: number) => {
      signal.removeEventListener('abort', end);
      for (const word of PASSED_ON) process.off(word, pass);
      for (const timer of timers) clearTimeout(timer);
      for (const reader of readers) reader.close();
      child.stdout.destroy();
      child.stderr.destroy();
      if (signal.aborted) tell('SIGKILL');
      resolve(status);
    };
    for (const word of PASSED_ON) process.on(word, pass);
    child.on('error', cause => {
      console.error(`${command} could not be started: ${cause.message}. 'make setup' installs what is missing.`);
      settle(1);
    });
    child.on('exit', status => timers.push(setTimeout(() => settle(status ?? 1), graceMs)));
    child.on('close', status => settle(status ?? 1));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
