import type { Clock } from '../control-plane/ports.ts';
import { EXPIRED, withDeadline } from './deadline.ts';
import { type LoadReading, readLoad } from './load.ts';
import { NoOrca, orcaLoad } from './orca.ts';
import type { ProbeAddress } from './probes/result.ts';

export interface LoadWatchOptions {
  readonly protocol: 'grpc' | 'http';
  /** Where to ask now; undefined while there is no address. */
  readonly address: () => ProbeAddress | undefined;
  /** Between two readings over HTTP; gRPC servers are asked for one a second. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Waits; rejects with the signal's reason. */
  readonly pause: (delayMs: number) => Promise<void>;
  /** Undefined where the load is not known any more. */
  readonly onLoad: (load: LoadReading | undefined) => void;
}

/** Follows a replica's load until the signal fires, which it rejects with. Never rejects for what the replica does. */
export async function watchLoad(options: LoadWatchOptions): Promise<void> {
  const { protocol, address, intervalMs, clock, signal, pause, onLoad } = options;
  for (;;) {
    const at = address();
    switch (protocol) {
      case 'http': {
        const load = at && (await readLoad(at, clock, signal));
        onLoad(load);
        await pause(load === undefined ? NO_LOAD_GAP_MS : intervalMs);
        break;
      }
      case 'grpc': {
        const known = at === undefined || (await followOrca(at, options));
        onLoad(undefined);
        await pause(known ? RECONNECT_GAP_MS : NO_LOAD_GAP_MS);
        break;
      }
      default:
        protocol satisfies never;
    }
  }
}

/** What reports no load today may be another build's tomorrow, but not in the same container: it is asked rarely. */
const NO_LOAD_GAP_MS = 60_000;
const RECONNECT_GAP_MS = 1_000;
const SILENCE_MS = 10_000;

/** Resolves when the reports end: with false where the server has none to give. */
async function followOrca(address: ProbeAddress, { clock, signal, onLoad }: LoadWatchOptions): Promise<boolean> {
  const ended = new AbortController();
  const end = () => ended.abort(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  const reports = orcaLoad(address, ended.signal);
  try {
    for (;;) {
      const next = await withDeadline(() => reports.next(), { clock, timeoutMs: SILENCE_MS, signal });
      if (next === EXPIRED || next.done) return true;
      onLoad(next.value);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    return !(error instanceof NoOrca);
  } finally {
    signal.removeEventListener('abort', end);
    ended.abort();
  }
}
