import type { Progress } from './progress.ts';

/** What every part of the benchmark is given. */
export interface BenchContext {
  /** Fires with Ctrl-C; what was started is removed all the same. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly pairs: {
    readonly calls: number;
    readonly starts: number;
    readonly controlPlane: number;
    /** Rounds of placements, and how often each simulated cluster is filled before. */
    readonly placements: number;
    readonly fills: number;
  };
  /** How long an idle control plane is watched. */
  readonly idleMs: number;
}
