import { writeSync } from 'node:fs';
import { Interruption } from './context.ts';

export interface Interruptible {
  readonly signal: AbortSignal;
  onSecondInterrupt(listener: () => void): void;
  /** Told on stderr where the process is ended before the command has come to its end; null: nothing is left to say. */
  leaves(words: string | null): void;
  /** SIGHUP does this from now on, instead of ending the command. */
  onHangup(listener: () => void): void;
  /** Nobody reads stdout any more: the command ends as if it had been interrupted. */
  readerGone(): void;
  close(): void;
}

/**
 * The first SIGINT, SIGTERM or SIGHUP aborts the signal; a command that cleans up then hears of the second. The process
 * ends at the second where nobody listens, and at the third.
 */
export function listenForInterrupts(): Interruptible {
  const controller = new AbortController();
  const listeners = new Set<() => void>();
  let count = 0;
  let hangup: (() => void) | null = null;
  let left: string | null = null;
  const onSignal = (name: NodeJS.Signals) => {
    count += 1;
    if (count === 1) {
      controller.abort(new Interruption('signal', name));
      return;
    }
    if (listeners.size === 0 || count > 2) {
      if (left !== null) writeLast(left);
      process.exit(130);
    }
    for (const listener of listeners) listener();
  };
  const onHangup = () => (hangup ? hangup() : onSignal('SIGHUP'));
  for (const name of ENDING) process.on(name, onSignal);
  process.on('SIGHUP', onHangup);
  return {
    signal: controller.signal,
    onSecondInterrupt: listener => {
      listeners.add(listener);
    },
    leaves: words => {
      left = words;
    },
    onHangup: listener => {
      hangup = listener;
    },
    readerGone: () => controller.abort(new Interruption('reader_gone')),
    close: () => {
      for (const name of ENDING) process.off(name, onSignal);
      process.off('SIGHUP', onHangup);
    },
  };
}

const ENDING = ['SIGINT', 'SIGTERM'] as const;

/** Past the stream, which may not be written out before the process ends. */
function writeLast(words: string): void {
  try {
    writeSync(process.stderr.fd, `${words}\n`);
  } catch {
    // The terminal is gone, or takes nothing at present: nobody could read it.
  }
}
