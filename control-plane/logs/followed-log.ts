import { type OutriggerError, toOutriggerError } from '../core/errors.ts';
import type { Clock, Engine, LogLine, LogOptions } from '../ports.ts';

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
      for await (const line of engine.logs(containerId, { ...seen.resume(options), follow: true }, signal)) {
        pauseMs = FIRST_PAUSE_MS;
        if (seen.isNew(line)) yield line;
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
/** The two streams of a container are stamped apart, and written in an order that need not be that of their times. */
const OVERLAP_MS = 1_000;

function isFinal({ code }: OutriggerError): boolean {
  return code === 'not_found' || code === 'unsupported' || code === 'denied' || code === 'invalid_argument';
}

/** A stream that is opened again begins a little before the last line: those that were given out are left out. */
class SeenLines {
  /** Of each stream: the time of its newest line, and how many lines had that time. */
  readonly #newest = new Map<LogLine['stream'], { timestamp: string; count: number }>();
  #before: ReadonlyMap<LogLine['stream'], { timestamp: string; count: number }> = new Map();
  #repeated = new Map<LogLine['stream'], number>();

  reopened(): void {
    this.#before = new Map(this.#newest);
    this.#repeated = new Map();
  }

  resume(options: Omit<LogOptions, 'follow'>): Omit<LogOptions, 'follow'> {
    const newest = [...this.#newest.values()].map(({ timestamp }) => Date.parse(timestamp));
    return newest.length === 0 ? options : { sinceMs: Math.max(...newest) - OVERLAP_MS };
  }

  isNew({ stream, timestamp }: LogLine): boolean {
    if (timestamp === '') return true;
    const before = this.#before.get(stream);
    if (before && timestamp < before.timestamp) return false;
    if (before && timestamp === before.timestamp) {
      const repeated = (this.#repeated.get(stream) ?? 0) + 1;
      this.#repeated.set(stream, repeated);
      if (repeated <= before.count) return false;
    }
    const newest = this.#newest.get(stream);
    this.#newest.set(stream, { timestamp, count: newest?.timestamp === timestamp ? newest.count + 1 : 1 });
    return true;
  }
}
