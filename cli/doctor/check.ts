import { OutriggerError } from '../../control-plane/core/errors.ts';

/** What one check of `outrigger doctor` found. */
export interface Finding {
  readonly name: string;
  /** `fail`: Outrigger does not work here until it is mended; `warn`: some of it will not; `info`: neither good nor bad. */
  readonly status: 'ok' | 'info' | 'warn' | 'fail';
  readonly message: string;
  /** How to mend it; there unless all is well. */
  readonly next?: string;
}

export type Check = (signal: AbortSignal) => Promise<readonly Finding[]>;

const CHECK_TIMEOUT_MS = 10_000;

/** Runs one check with a deadline; whatever it throws is a finding too. */
export async function runCheck(name: string, check: Check, signal: AbortSignal): Promise<readonly Finding[]> {
  const deadline = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const both = AbortSignal.any([signal, deadline]);
  try {
    return await Promise.race([check(both), rejection(both)]);
  } catch (thrown) {
    signal.throwIfAborted();
    if (deadline.aborted) {
      return [
        {
          name,
          status: 'fail',
          message: `no answer within ${CHECK_TIMEOUT_MS / 1_000} s`,
          next: 'Look whether that program hangs; restart it if so.',
        },
      ];
    }
    return [failure(name, thrown)];
  }
}

export function failure(name: string, thrown: unknown, fallbackNext = 'See the message above.'): Finding {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const next = thrown instanceof OutriggerError ? thrown.next : undefined;
  return { name, status: 'fail', message, next: next ?? fallbackNext };
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
