import { actionKey, createAction, stopKey } from '../actions.ts';
import { currentId, deviceOf } from '../node.ts';
import type { Observed, ObservedDevice, ObservedNode } from '../observed.ts';
import { gibInWords, neededGibInWords, sharedMemoryOf } from '../placement/device-fit.ts';
import { type Placement, placementOf, type Replica } from '../replica.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';

/** Who may be created, and who may be stopped, on devices that several replicas share. */
export interface DeviceTurns {
  /** Replicas that wait for their turn, by id, with what they wait for, in words. */
  readonly waiting: ReadonlyMap<string, string>;
  /** Those of them whose turn it is, on devices that were just measured to have too little memory free. */
  readonly short: ReadonlySet<string>;
  /** Nodes whose measured memory has to be read anew before somebody's turn. */
  readonly measure: ReadonlySet<string>;
  /** When to look again though nothing changes; null: no need. */
  readonly lookAgainAt: number | null;
}

/**
 * One start or stop at a time on each shared device, from the create to readiness and from the stop signal to the exit,
 * with a look at the free memory in between: what a model takes while it loads is nobody's declaration. Replicas that have
 * their devices to themselves wait for nobody. Pure; the same state gives the same turns.
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
  const waiting = new Map<string, string>();
  const shortOfMemory = new Set<string>();
  const measure = new Set<string>();
  const looks: number[] = [];
  const taken = new Map<string, Sharer>();
  const take = (sharer: Sharer) => {
    for (const key of sharer.keys) taken.set(key, sharer);
  };
  const holderOf = (sharer: Sharer) => sharer.keys.map(k => taken.get(k)).find(h => h !== undefined);

  for (const sharer of sharers) if (sharer.stage === 'starting' || sharer.stage === 'stopping') take(sharer);
  // What ends makes room: stops go before starts.
  for (const stage of ['to_stop', 'to_start'] as const) {
    for (const sharer of sharers.filter(s => s.stage === stage).sort(byTurn)) {
      const holder = holderOf(sharer);
      const short = holder || stage === 'to_stop' ? null : memoryFor(sharer, sharers, { observed, now });
      if (holder) waiting.set(sharer.replica.id, waitsFor(sharer, holder));
      else if (short) {
        waiting.set(sharer.replica.id, short.message);
        if (short.isMeasured) shortOfMemory.add(sharer.replica.id);
        if (short.measure) measure.add(sharer.placement.node);
        if (short.lookAgainAt !== null) looks.push(short.lookAgainAt);
      }
      // The first in the row has the turn, also while its memory is looked for: who comes later waits behind it.
      if (!holder) take(sharer);
    }
  }
  return { waiting, short: shortOfMemory, measure, lookAgainAt: looks.length > 0 ? Math.min(...looks) : null };
}

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
  const keys = placement.devices.map(d => `${placement.node} ${currentId(node, d)}`);
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
      return running.some(c => effects.has(stopKey(c.id))) ? 'stopping' : 'to_stop';
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

function waitsFor(sharer: Sharer, holder: Sharer): string {
  const { node, devices } = sharer.placement;
  const device = devices.find((_, i) => holder.keys.includes(sharer.keys[i] ?? ''));
  const doing = holder.stage === 'starting' || holder.stage === 'to_start' ? 'starts' : 'stops';
  return `waits for its turn on ${device === undefined ? node : `${node}/${device}`}: ${holder.replica.service} replica ${holder.replica.id} ${doing} there`;
}

interface Short {
  readonly message: string;
  /** It is known that too little is free; else that is still asked for. */
  readonly isMeasured: boolean;
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
  sharer: Sharer,
  all: readonly Sharer[],
  { observed, now }: { observed: Observed; now: number },
): Short | null {
  const { device, measured, node } = on;
  const key = `${node.name} ${device.id}`;
  // The last change there: somebody became ready, or ended. What left the state meanwhile was there when a measure began.
  const changedAt = Math.max(...all.filter(s => s.keys.includes(key)).map(s => s.replica.phase.since));
  const effect = observed.effects.get(actionKey({ kind: 'measure', node: node.name }));
  const measuring = `the free memory of ${node.name}/${device.id} is measured before it starts`;
  if (effect?.kind === 'under_way') return { message: measuring, isMeasured: false, measure: false, lookAgainAt: null };
  // Until a listing that began later shows what was measured, it is not known.
  if (effect?.kind === 'settled' && node.listedFrom <= effect.at)
    return { message: measuring, isMeasured: false, measure: false, lookAgainAt: null };
  const askedAt = effect?.at ?? Number.NEGATIVE_INFINITY;
  if (measured.at < changedAt) {
    if (askedAt <= changedAt) return { message: measuring, isMeasured: false, measure: true, lookAgainAt: null };
    // It was asked for and cannot be had: what is declared has to do.
    return null;
  }
  if (measured.freeBytes >= sharer.declaredBytes) return null;
  const message = `waits for memory of ${node.name}/${device.id}: ${neededGibInWords(sharer.declaredBytes)} are declared, ${gibInWords(measured.freeBytes)} are measured free`;
  const again = Math.max(measured.at, askedAt) + MEASURE_AGAIN_MS;
  return { message, isMeasured: true, measure: now >= again, lookAgainAt: Math.max(again, now + 1) };
}

/** How soon memory that does not suffice is measured again. */
const MEASURE_AGAIN_MS = 5_000;
