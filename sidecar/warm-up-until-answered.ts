import type { Warmup } from '../control-plane/core/spec.ts';
import type { Clock } from '../control-plane/ports.ts';
import type { FailureStreak } from './failure-streak.ts';
import type { ProbeAddress } from './probes/result.ts';
import { warmUp } from './warm-up.ts';

export interface WarmUpOptions {
  readonly warmup: Warmup;
  /** How the container may be reached, as far as that is known now. */
  readonly addresses: () => readonly ProbeAddress[];
  /** Of requests that were not answered; told of the node by the caller. */
  readonly streak: FailureStreak;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onFailure: (message: string) => void;
}

/**
 * Warms up once, and again where the request broke on the way: a loaded model is not ended for a way that was cut for a
 * moment. That nobody answers tells of the container what it tells of one that starts, see FailureStreak. Rejects with the
 * signal's reason.
 */
export async function warmUpUntilAnswered(
  options: WarmUpOptions,
): Promise<{ readonly kind: 'done' } | { readonly kind: 'failed'; readonly message: string }> {
  const { warmup, addresses, streak, clock, signal, onFailure } = options;
  for (;;) {
    const begun = streak.begin();
    const result = await warmUp(warmup, addresses(), clock, signal);
    switch (result.kind) {
      case 'done':
        streak.passed();
        return result;
      case 'failed':
        return result;
      case 'late':
        // Unless the node was silent meanwhile, it had all the time that it may take.
        if (streak.begin() === begun) return { kind: 'failed', message: result.message };
        break;
      case 'broken':
        streak.failed(begun, clock.now());
        if (streak.suffices(1)) return { kind: 'failed', message: result.message };
        break;
      default:
        result satisfies never;
    }
    onFailure(result.message);
    await clock.sleep(AGAIN_AFTER_MS, signal);
  }
}

const AGAIN_AFTER_MS = 500;
