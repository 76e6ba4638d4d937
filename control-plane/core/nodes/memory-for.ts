import { actionKey } from '../actions.ts';
import { deviceOf } from '../node.ts';
import type { Observed, ObservedDevice, ObservedNode } from '../observed.ts';
import { givenDevices, isWithoutContainer } from '../replica.ts';
import type { TurnReason } from './device-turns.ts';
import type { Sharer } from './sharers.ts';

/** What keeps a replica from starting on the devices that are its turn; null: nothing. */
export function memoryFor(
  sharer: Sharer,
  all: readonly Sharer[],
  seen: { observed: Observed; now: number },
): Short | null {
  const { node: name, devices } = sharer.placement;
  const node = seen.observed.nodes.get(name);
  // Nobody can look there. It is heard of again, or its replicas that have not begun are placed elsewhere.
  if (!node?.answering)
    return {
      reason: { kind: 'measuring', node: name, device: devices[0] ?? '' },
      measure: false,
      lookAgainAt: null,
    };
  for (const given of givenDevices(sharer.placement)) {
    const device = deviceOf(node, given);
    if (!device?.measured) continue;
    const short = memoryOn({ device, measured: device.measured, node }, sharer, all, seen);
    if (short) return short;
  }
  return null;
}

/**
 * There was too little for it when that was last read, since it waits. Unlike `memoryFor`, this asks for no new reading: others
 * start or stop there meanwhile, and the start of anybody on the node brings one.
 */
export function lackedMemory({ replica, placement, declaredBytes }: Sharer, observed: Observed): boolean {
  const node = observed.nodes.get(placement.node);
  if (!node?.answering) return false;
  return givenDevices(placement).some(given => {
    const measured = deviceOf(node, given)?.measured;
    return measured !== undefined && measured.at >= replica.phase.since && measured.freeBytes < declaredBytes;
  });
}

/** Too little memory, or none that is known yet. */
export interface Short {
  readonly reason: Exclude<TurnReason, { kind: 'turn' }>;
  readonly measure: boolean;
  readonly lookAgainAt: number | null;
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
    .filter(({ replica }) => replica.phase.kind !== 'failed' && !isWithoutContainer(replica))
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

/** How soon memory that does not suffice is measured again; the longer it does not, the more rarely. */
const MEASURE_AGAIN_MS = 5_000;
const MEASURE_AGAIN_MOST_MS = 60_000;
