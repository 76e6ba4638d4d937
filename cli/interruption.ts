import { Interruption } from './context.ts';

export interface Interruptible {
  readonly signal: AbortSignal;
  onSecondInterrupt(listener: () => void): void;
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
  const onSignal = () => {
    count += 1;
    if (count === 1) {
      controller.abort(new Interruption('signal'));
      return;
    }
    if (listeners.size === 0 || count > 2) process.exit(130);
    for (const listener of listeners) listener();
  };
  const onHangup = () => (hangup ?? onSignal)();
  for (const name of ENDING) process.on(name, onSignal);
  process.on('SIGHUP', onHangup);
  return {
    signal: controller.signal,
    onSecondInterrupt: listener => {
      listeners.add(listener);
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
