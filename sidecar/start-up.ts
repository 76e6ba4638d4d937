import type { StartupProbe } from '../control-plane/core/spec.ts';
import type { Clock } from '../control-plane/ports.ts';
import type { Way } from './asker.ts';
import type { FailureStreak } from './failure-streak.ts';

export interface StartUpOptions {
  readonly startup: StartupProbe;
  /** When the container was started, by the Clock. */
  readonly startedAt: number;
  /** How the container may be asked, as far as that is known now. */
  readonly ways: () => readonly Way[];
  /** Of the failures after the deadline; told of the node by the caller. */
  readonly streak: FailureStreak;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Hands out what is to be aborted when there is news of the container: then it is asked anew at once. Returns the end of it. */
  readonly onRound: (round: AbortController) => () => void;
  readonly onFailure: (message: string) => void;
}

/** Before the first success: at once, then after 10 ms, growing to 500 ms. A refused connection costs next to nothing. */
export const FIRST_GAP_MS = 10;
export const GAP_GROWTH = 1.5;
export const LONGEST_GAP_MS = 500;

/** A deadline that passed while nobody was asking proves nothing about the container. */
const LEAST_PROBES = 3;

/**
 * Asks until one way passes, or the start has taken too long, which a failure tells only of a container that is in reach.
 * Rejects with the signal's reason. */
export async function startUp(options: StartUpOptions): Promise<'started' | 'too_late'> {
  const { ways, signal, onRound } = options;
  const count = { asked: 0 };
  for (;;) {
    const round = new AbortController();
    const end = () => round.abort();
    signal.addEventListener('abort', end, { once: true });
    const withdraw = onRound(round);
    // Each way has a pace of its own: one that hangs must not slow the others.
    const verdicts = ways().map(way => askUntilStarted(way, options, round.signal, count));
    const verdict = await Promise.race(verdicts);
    round.abort();
    signal.removeEventListener('abort', end);
    withdraw();
    await Promise.all(verdicts);
    signal.throwIfAborted();
    if (verdict !== 'news') return verdict;
  }
}

async function askUntilStarted(
  way: Way,
  { startup, startedAt, streak, clock, onFailure }: StartUpOptions,
  round: AbortSignal,
  count: { asked: number },
): Promise<'started' | 'too_late' | 'news'> {
  try {
    for (let gapMs = FIRST_GAP_MS; ; gapMs = Math.min(gapMs * GAP_GROWTH, LONGEST_GAP_MS)) {
      count.asked++;
      const begun = streak.begin();
      const result = await way(startup.timeoutMs, round);
      if (result.kind === 'passed') return 'started';
      round.throwIfAborted();
      const isLate = clock.now() >= startedAt + startup.deadlineMs && count.asked >= LEAST_PROBES;
      // Before that nobody needs to know whether it is the container that fails.
      if (isLate) streak.failed(begun, clock.now());
      if (isLate && streak.suffices(1)) {
        const hint = portHint(result.message, startup, clock.now() - startedAt);
        onFailure(`not started ${startup.deadlineMs} ms after its container: ${result.message}${hint}`);
        return 'too_late';
      }
      onFailure(result.message + portHint(result.message, startup, clock.now() - startedAt));
      await clock.sleep(gapMs, round);
    }
  } catch (error) {
    if (round.aborted) return 'news';
    throw error;
  }
}

/** Which ports a container listens on nobody here knows; who names another one waits in vain. */
function portHint(message: string, { check }: StartupProbe, tookMs: number): string {
  if (tookMs < PORT_HINT_AFTER_MS || check.kind === 'container' || !message.includes('connection refused')) return '';
  return `; is ${check.port === undefined ? 'x-outrigger.port' : "the probe's port"} right?`;
}

/** Most servers that are small listen by then; it is a question, and one that loads a model for longer answers it by itself. */
const PORT_HINT_AFTER_MS = 3_000;
