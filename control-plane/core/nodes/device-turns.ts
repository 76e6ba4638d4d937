import { actionKey, createAction, stopKey } from '../actions.ts';
import { currentId, deviceOf } from '../node.ts';
import type { Observed, ObservedDevice, ObservedNode } from '../observed.ts';
import { sharedMemoryOf } from '../placement/device-fit.ts';
import { givenDevices, type Placement, placementOf, type Replica } from '../replica.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';

/** Who may be created, and who may be stopped, on devices that several replicas share. */
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
  /** Another one starts or stops there. */
  | {
      readonly kind: 'turn';
      readonly node: string;
      readonly device: string;
      readonly other: { readonly service: ServiceKey; readonly replicaId: string; readonly doing: 'starts' | 'stops' };
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
 * for a moment, since a start may take as long as it likes; one that waits for memory keeps nobody waiting who has enough.
 * Replicas that have their devices to themselves wait for nobody. Pure; the same state gives the same turns.
 */
export function deviceTurns(
  state: {
    readonly replicas: ReadonlyMap<string, Replica>;
    readonly specOf: (service: ServiceKey, generation: number) => ServiceSpec | undefined;
  },
  observed: Observed,
  now: number,
): DeviceTurns {
  const sharers = [...state.replicas.values()].flatMap(replica => sharerOf(replica, state.specOf, observed));
  const waiting = new Map<string, TurnReason>();
  const shortOfMemory = new Set<string>();
  const measure = new Set<string>();
  const looks: number[] = [];
  const starting = new Map<string, Sharer>();
  const stopping = new Map<string, Sharer>();
  const take = (sharer: Sharer, taken: Map<string, Sharer>) => {
    for (const key of sharer.keys) taken.set(key, sharer);
  };
  const holderOf = (sharer: Sharer, taken: ReadonlyMap<string, Sharer>) =>
    sharer.keys.map(k => taken.get(k)).find(h => h !== undefined);
  const inTurn = (stage: Stage) => sharers.filter(s => s.stage === stage).sort(byTurn);

  for (const sharer of sharers) {
    if (sharer.stage === 'starting') take(sharer, starting);
    if (sharer.stage === 'stopping') take(sharer, stopping);
  }
  // What ends makes room: stops go before starts.
  for (const sharer of inTurn('to_stop')) {
    const holder = holderOf(sharer, starting);
    const patientUntil = sharer.replica.phase.since + STOP_PATIENCE_MS;
    if (holder && now < patientUntil) {
      waiting.set(sharer.replica.id, waitsFor(sharer, holder));
      looks.push(patientUntil);
    }
    take(sharer, stopping);
  }
  for (const sharer of inTurn('to_start')) {
    const holder = holderOf(sharer, starting) ?? holderOf(sharer, stopping);
    const short = holder ? null : memoryFor(sharer, sharers, { observed, now });
    if (holder) waiting.set(sharer.replica.id, waitsFor(sharer, holder));
    if (short) {
      waiting.set(sharer.replica.id, short.reason);
      if (short.measure) measure.add(sharer.placement.node);
      if (short.lookAgainAt !== null) looks.push(short.lookAgainAt);
    }
    // What waits for others to give memory back may wait for ever, and those go on that have enough. It is still the first in
    // the row, so that what is given back is its.
    if (short?.reason.kind === 'measured_memory') shortOfMemory.add(sharer.replica.id);
    else if (!holder) take(sharer, starting);
  }
  return { waiting, short: shortOfMemory, measure, lookAgainAt: looks.length > 0 ? Math.min(...looks) : null };
}

/**
 * How long a stop waits for a start under way. A server that measures the free memory while that of another one comes back
 * may fail, and is started again; the stop of a healthy service must not wait for one that never gets ready.
 */
const STOP_PATIENCE_MS = 10_000;

interface Sharer {
  readonly replica: Replica;
  readonly placement: Placement;
  readonly declaredBytes: number;
  readonly priority: number;
  /** Its devices over all nodes. */
  readonly keys: readonly string[];
  readonly stage: Stage;
}

/** `at_rest`: it only takes its memory. */
type Stage = 'to_start' | 'starting' | 'at_rest' | 'to_stop' | 'stopping';

function sharerOf(
  replica: Replica,
  specOf: (service: ServiceKey, generation: number) => ServiceSpec | undefined,
  observed: Observed,
): Sharer[] {
  const placement = placementOf(replica);
  if (!placement || placement.devices.length === 0) return [];
  const spec = specOf(replica.service, replica.generation);
  const declaredBytes = spec ? sharedMemoryOf(spec) : null;
  if (!spec || declaredBytes === null) return [];
  const node = observed.nodes.get(placement.node);
  const keys = givenDevices(placement).map(d => `${placement.node} ${currentId(node, d)}`);
  const stage = stageOf(replica, spec, observed);
  return [{ replica, placement, declaredBytes, priority: spec.priority, keys, stage }];
}

function stageOf(replica: Replica, spec: ServiceSpec, { effects, nodes }: Observed): Stage {
  const { phase } = replica;
  switch (phase.kind) {
    case 'starting':
    case 'warming':
      return 'starting';
    case 'creating': {
      const effect = effects.get(actionKey(createAction(replica, phase.placement, spec)));
      const containers = nodes.get(phase.placement.node)?.containers ?? [];
      const isThere = containers.some(c => c.replicaId === replica.id && c.attempt === replica.attempt);
      return isThere || effect?.kind === 'under_way' || effect?.kind === 'settled' ? 'starting' : 'to_start';
    }
    case 'stopping': {
      const running = (nodes.get(phase.placement.node)?.containers ?? []).filter(
        c => c.replicaId === replica.id && c.state === 'running',
      );
      if (running.length === 0) return 'at_rest';
      const isTold = (id: string) => (effects.get(stopKey(id))?.kind ?? 'queued') !== 'queued';
      return running.some(c => isTold(c.id)) ? 'stopping' : 'to_stop';
    }
    default:
      return 'at_rest';
  }
}

/** The most important first; then who waits longest. */
function byTurn(a: Sharer, b: Sharer): number {
  return (
    b.priority - a.priority ||
    a.replica.phase.since - b.replica.phase.since ||
    a.replica.createdAt - b.replica.createdAt ||
    (a.replica.id < b.replica.id ? -1 : 1)
  );
}

function waitsFor(sharer: Sharer, holder: Sharer): TurnReason {
  const { node, devices } = sharer.placement;
  const device = devices.find((_, i) => holder.keys.includes(sharer.keys[i] ?? '')) ?? '';
  const doing = holder.stage === 'starting' || holder.stage === 'to_start' ? 'starts' : 'stops';
  const { service, id: replicaId } = holder.replica;
  return { kind: 'turn', node, device, other: { service, replicaId, doing } };
}

interface Short {
  readonly reason: Exclude<TurnReason, { kind: 'turn' }>;
  readonly measure: boolean;
  readonly lookAgainAt: number | null;
}

/** What keeps a replica from starting on the devices that are its turn; null: nothing. */
function memoryFor(sharer: Sharer, all: readonly Sharer[], seen: { observed: Observed; now: number }): Short | null {
  const node = seen.observed.nodes.get(sharer.placement.node);
  if (!node?.answering) return null;
  for (const id of sharer.placement.devices) {
    const device = deviceOf(node, id);
    if (!device?.measured) continue;
    const short = memoryOn({ device, measured: device.measured, node }, sharer, all, seen);
    if (short) return short;
  }
  return null;
}

function memoryOn(
  on: { device: ObservedDevice; measured: NonNullable<ObservedDevice['measured']>; node: ObservedNode },
  { declaredBytes }: Sharer,
  all: readonly Sharer[],
  { observed, now }: { observed: Observed; now: number },
): Short | null {
  const { device, measured, node } = on;
  const there = all.filter(s => s.keys.includes(`${node.name} ${device.id}`));
  // The last change there: somebody became ready, or ended. What left the state meanwhile was there when a measure began.
  const changedAt = Math.max(...there.map(s => s.replica.phase.since));
  const effect = observed.effects.get(actionKey({ kind: 'measure', node: node.name }));
  const where = { node: node.name, device: device.id };
  const measuring: Short = { reason: { kind: 'measuring', ...where }, measure: false, lookAgainAt: null };
  if (effect?.kind === 'under_way') return measuring;
  // Until a listing that began later shows what was measured, it is not known.
  if (effect?.kind === 'settled' && node.listedFrom <= effect.at) return measuring;
  const askedAt = effect && effect.kind !== 'queued' ? effect.at : Number.NEGATIVE_INFINITY;
  if (measured.at < changedAt) {
    // Where it was asked for and cannot be had, what is declared has to do.
    return askedAt <= changedAt ? { ...measuring, measure: true } : null;
  }
  const { freeBytes, usedBytes } = measured;
  if (freeBytes >= declaredBytes) return null;
  const declaredThere = there
    .filter(s => RUNNING.has(s.replica.phase.kind))
    .reduce((sum, s) => sum + s.declaredBytes, 0);
  const undeclaredBytes = Math.max(0, usedBytes - declaredThere);
  const lastAt = Math.max(measured.at, askedAt);
  const again = lastAt + Math.min(Math.max(lastAt - changedAt, MEASURE_AGAIN_MS), MEASURE_AGAIN_MOST_MS);
  return {
    reason: { kind: 'measured_memory', ...where, declaredBytes, freeBytes, undeclaredBytes },
    measure: now >= again,
    lookAgainAt: Math.max(again, now + 1),
  };
}

const RUNNING: ReadonlySet<Replica['phase']['kind']> = new Set([
  'starting',
  'warming',
  'ready',
  'draining',
  'stopping',
  'lost',
]);

/** How soon memory that does not suffice is measured again; the longer it does not, the more rarely. */
const MEASURE_AGAIN_MS = 5_000;
const MEASURE_AGAIN_MOST_MS = 60_000;
