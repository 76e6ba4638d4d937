import { type OutriggerError, toOutriggerError } from '../core/errors.ts';
import type { Clock, Engine, LogLine, LogOptions } from '../ports.ts';
import { SeenLines } from './seen-lines.ts';

/**
 * The log of one container as it is written, over everything that happens to its engine: a stream that breaks off is
 * opened again after a pause and goes on behind the last line. Ends when the container does, when it is gone, or when
 * the signal fires; never rejects. An engine that refuses to show the log (`denied`, `unsupported`) is not asked again.
 */
export async function* followedLog(
  engine: Pick<Engine, 'logs'>,
  containerId: string,
  options: Omit<LogOptions, 'follow'>,
  { clock, signal }: { clock: Pick<Clock, 'sleep'>; signal: AbortSignal },
): AsyncGenerator<LogLine> {
  const seen = new SeenLines();
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      seen.reopened();
      const sinceMs = seen.resumeMs();
      const from = sinceMs === null ? options : { sinceMs };
      for await (const line of engine.logs(containerId, { ...from, follow: true }, signal)) {
        pauseMs = FIRST_PAUSE_MS;
        if (seen.isNew({ source: line.stream, timestamp: line.timestamp })) yield line;
      }
      return;
    } catch (thrown) {
      if (signal.aborted || isFinal(toOutriggerError(thrown))) return;
    }
    await clock.sleep(pauseMs, signal).catch(() => {});
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

function isFinal({ code }: OutriggerError): boolean {
  return code === 'not_found' || code === 'unsupported' || code === 'denied' || code === 'invalid_argument';
}
