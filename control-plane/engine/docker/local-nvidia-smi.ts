import { type ChildProcess, execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { OutriggerError } from '../../core/errors.ts';
import { parseSmi, SMI_ARGUMENTS, type SmiOutput, type SmiReading } from './nvidia-smi.ts';

/**
 * `nvidia-smi` of this machine. A driver that is stuck leaves a process that no signal ends: then nothing more is started
 * until that one is gone, and each reading fails at once.
 */
export class LocalNvidiaSmi {
  readonly #deadlineMs: number;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #running = new Set<ChildProcess>();

  constructor({ deadlineMs = DEADLINE_MS, environment = process.env } = {}) {
    this.#deadlineMs = deadlineMs;
    this.#environment = environment;
  }

  /** Rejects with `unavailable` where there is no `nvidia-smi`, it fails or it does not end. Takes twice the deadline at most. */
  async read(signal: AbortSignal): Promise<SmiReading> {
    const stuck = [...this.#running][0];
    if (stuck) {
      throw new OutriggerError('unavailable', `nvidia-smi (process ${stuck.pid}) hangs, and was told to end`, {
        next: 'The driver of NVIDIA is stuck; see `dmesg`. What is known of the devices stays.',
      });
    }
    const [query, list] = await Promise.all([
      this.#run(SMI_ARGUMENTS.query, signal),
      this.#run(SMI_ARGUMENTS.list, signal),
    ]);
    if (parseSmi({ query, list }).slices.length === 0) return parseSmi({ query, list });
    // Slices can be given without their memory being known.
    const table = await this.#run(SMI_ARGUMENTS.table, signal).catch(() => undefined);
    return parseSmi({ query, list, ...(table && { table }) });
  }

  #run(args: readonly string[], signal: AbortSignal): Promise<SmiOutput> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const options = { maxBuffer: MOST_OUTPUT_BYTES, env: { ...this.#environment, LC_ALL: 'C' } };
      const child = execFile('nvidia-smi', args, options, (error, stdout) => {
        const { code } = (error ?? { code: 0 }) as { code?: unknown };
        if (typeof code === 'number') settle(() => resolve({ exitCode: code, stdout }));
        else settle(() => reject(notRun(error as Error)));
      });
      const giveUp = (error: Error) => {
        // Whoever holds its pipes open, and a process that heeds no signal, keeps nobody waiting.
        child.kill('SIGKILL');
        for (const stream of [child.stdout, child.stderr]) stream?.destroy();
        child.unref();
        settle(() => reject(error));
      };
      const onAbort = () => giveUp(signal.reason);
      const timer = setTimeout(() => giveUp(tooLate(this.#deadlineMs)), this.#deadlineMs);
      const settle = (end: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        end();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (child.pid === undefined) return;
      this.#running.add(child);
      child.once('exit', () => this.#running.delete(child));
    });
  }
}

/**
 * Whether NVIDIA's hook is installed on this machine: with it, an engine that knows nothing of CDI hands over devices by
 * UUID, whether or not a runtime is registered for them.
 */
export async function findNvidiaHook(environment: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const folders = new Set([...(environment['PATH'] ?? '').split(path.delimiter), '/usr/bin', '/usr/local/bin']);
  const found = await Promise.all(
    [...folders].map(folder =>
      access(path.join(folder, 'nvidia-container-runtime-hook'), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/** Without the persistence daemon the driver wakes each GPU first, which takes a second a GPU. */
const DEADLINE_MS = 10_000;
const MOST_OUTPUT_BYTES = 4 * 1024 * 1024;

function tooLate(deadlineMs: number): OutriggerError {
  return new OutriggerError('unavailable', `nvidia-smi did not end within ${deadlineMs} ms`, {
    next: 'Run it by hand. What is known of the devices stays until it answers.',
  });
}

function notRun(error: Error): OutriggerError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return new OutriggerError('unavailable', `nvidia-smi could not be run: ${missing ? 'not found' : error.message}`, {
    next: missing ? 'It comes with the driver of NVIDIA; see to it that it is on the PATH of the control plane.' : '',
    cause: error,
  });
}
