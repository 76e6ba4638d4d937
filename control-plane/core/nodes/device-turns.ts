import type { Observed } from '../observed.ts';
import type { ServiceKey } from '../spec.ts';
import { lackedMemory, memoryFor } from './memory-for.ts';
import { type Sharer, type Sharing, sharersIn } from './sharers.ts';

/** Who may be created or started, and who may be stopped, on devices that several replicas share. */
export interface DeviceTurns {
  /** Replicas that wait, by id, and for what. */
  readonly waiting: ReadonlyMap<string, TurnReason>;
  /** Those of them for whom too little memory is free by a measurement of just now. */
  readonly short: ReadonlySet<string>;
  /** Nodes whose measured memory has to be read anew before somebody's turn. */
  readonly measure: ReadonlySet<string>;
  /** When to look again though nothing changes; null: no need. */
  readonly lookAgainAt: number | null;
}

/** What a replica on a shared device waits for. Words for it are made where it is shown. */
export type TurnReason =
  /** Another one starts or stops there, or waits to start there and comes first. */
  | {
      readonly kind: 'turn';
      readonly node: string;
      readonly device: string;
      readonly other: {
        readonly service: ServiceKey;
        readonly replicaId: string;
        readonly doing: 'starts' | 'stops' | 'is_next';
      };
    }
  /** The free memory is measured before it starts. */
  | { readonly kind: 'measuring'; readonly node: string; readonly device: string }
  /** Less is measured free than it declares. */
  | {
      readonly kind: 'measured_memory';
      readonly node: string;
      readonly device: string;
      readonly declaredBytes: number;
      readonly freeBytes: number;
      /** In use beyond what those that run there declare: by others, or by who takes more than it said. */
      readonly undeclaredBytes: number;
    };

/**
 * One start at a time on each shared device, from the create to readiness, and none while something stops there, with a look
 * at the free memory in between: what a model takes while it loads is nobody's declaration. A stop waits for a start only
 * for a moment, since a start may take as long as it likes; one that waits for memory keeps nobody waiting who has enough,
 * and one that is refused or fails again and again only its like. One that waits for a device has those behind it wait for
 * all its devices, or they would pass it for ever on one of them after the other. Replicas that have their devices to
 * themselves wait for nobody. Pure; the same state gives the same turns.
 */
export function deviceTurns(state: Sharing, observed: Observed, now: number): DeviceTurns {
  const sharers = sharersIn(state, observed, now);
  const waiting = new Map<string, TurnReason>();
  const shortOfMemory = new Set<string>();
  const measure = new Set<string>();
  const looks: number[] = [];
  const starting = new Map<string, Sharer>();
  const stopping = new Map<string, Sharer>();
  const take = (sharer: Sharer, taken: Map<string, Sharer>) => {
    for (const key of sharer.keys) if (!taken.has(key)) taken.set(key, sharer);
  };
  const holderOf = (sharer: Sharer, taken: ReadonlyMap<string, Sharer>) =>
    sharer.keys.map(k => taken.get(k)).find(h => h !== undefined);
  const inTurn = (kind: 'to_start' | 'to_stop') => sharers.filter(s => s.stage.kind === kind).sort(byTurn);
  const wait = (sharer: Sharer, holder: Sharer) => {
    waiting.set(sharer.replica.id, waitsFor(sharer, holder, waiting.has(holder.replica.id)));
    if ('until' in holder.stage) looks.push(holder.stage.until);
  };

  for (const sharer of sharers) {
    if (sharer.stage.kind === 'starting') take(sharer, starting);
    if (sharer.stage.kind === 'stopping') take(sharer, stopping);
  }
  // What ends makes room: stops go before starts.
  for (const sharer of inTurn('to_stop')) {
    const holder = holderOf(sharer, starting);
    const patientUntil = sharer.replica.phase.since + STOP_PATIENCE_MS;
    if (holder && now < patientUntil) {
      wait(sharer, holder);
      looks.push(patientUntil);
    }
    take(sharer, stopping);
  }
  for (const sharer of inTurn('to_start')) {
    const holder = holderOf(sharer, starting) ?? holderOf(sharer, stopping);
    const short = holder ? null : memoryFor(sharer, sharers, { observed, now });
    if (holder) wait(sharer, holder);
    if (short) {
      waiting.set(sharer.replica.id, short.reason);
      if (short.measure) measure.add(sharer.placement.node);
      if (short.lookAgainAt !== null) looks.push(short.lookAgainAt);
    }
    // What waits for its turn on one device has those behind it wait on the others too: the order is total, so that each is
    // the first in the row at some time. What waits for others to give memory back may wait for ever, and those go on that
    // have enough. It is still the first in the row, so that what is given back is its.
    if (short?.reason.kind === 'measured_memory') shortOfMemory.add(sharer.replica.id);
    else if (!holder || !lackedMemory(sharer, observed)) take(sharer, starting);
  }
  return { waiting, short: shortOfMemory, measure, lookAgainAt: looks.length > 0 ? Math.min(...looks) : null };
}

/**
 * How long a stop waits for a start under way. A server that measures the free memory while that of another one comes back
 * may fail, and is started again; the stop of a healthy service must not wait for one that never gets ready.
 */
const STOP_PATIENCE_MS = 10_000;

/**
 * The most important first; then who waits longest. What was refused or failed again and again would take every turn there is:
 * it comes behind all others, and of its like who waits longest goes first, however important, so that each has its turn.
 */
function byTurn(a: Sharer, b: Sharer): number {
  return (
    Number(isPutOff(a)) - Number(isPutOff(b)) ||
    (isPutOff(a) ? 0 : b.priority - a.priority) ||
    since(a) - since(b) ||
    a.replica.createdAt - b.replica.createdAt ||
    (a.replica.id < b.replica.id ? -1 : 1)
  );
}

function isPutOff({ stage }: Sharer): boolean {
  return stage.kind === 'to_start' && stage.isPutOff;
}

function since({ stage, replica }: Sharer): number {
  return 'since' in stage ? stage.since : replica.phase.since;
}

function waitsFor(sharer: Sharer, holder: Sharer, isHolderWaiting: boolean): TurnReason {
  const { node, devices } = sharer.placement;
  const device = devices.find((_, i) => holder.keys.includes(sharer.keys[i] ?? '')) ?? '';
  const { service, id: replicaId } = holder.replica;
  return { kind: 'turn', node, device, other: { service, replicaId, doing: doingOf(holder, isHolderWaiting) } };
}

function doingOf({ stage }: Sharer, isWaiting: boolean): 'starts' | 'stops' | 'is_next' {
  if (stage.kind === 'to_start') return isWaiting ? 'is_next' : 'starts';
  return stage.kind === 'starting' ? 'starts' : 'stops';
}
