import { bytesInWords } from '../bytes-in-words.ts';
import type { Desired } from '../desired.ts';
import { currentId } from '../node.ts';
import type { Observed, ObservedDevice } from '../observed.ts';
import { sharedMemoryOf } from '../placement/device-fit.ts';
import { givenDevices, heldPlacement, type Replica } from '../replica.ts';

/** How the measured use of a shared device compares with what its holders declare, once all of them serve. */
export interface DeviceUse {
  readonly node: string;
  readonly device: string;
  readonly verdict: 'as_declared' | 'overused' | 'underused';
  /** In words, for people. */
  readonly message: string;
}

/**
 * Of every shared device whose memory is measured and whose holders have all been ready for a while; of the others nothing
 * is said. By `node device`. Pure.
 */
export function deviceUses(
  state: Pick<Desired, 'replicas' | 'specOf'>,
  observed: Observed,
  now: number,
): ReadonlyMap<string, DeviceUse> {
  const holders = new Map<string, { replica: Replica; declaredBytes: number }[]>();
  for (const replica of state.replicas.values()) {
    const placement = heldPlacement(replica);
    if (!placement || placement.devices.length === 0) continue;
    const spec = state.specOf(replica.service, replica.generation);
    const declaredBytes = spec ? sharedMemoryOf(spec) : null;
    if (declaredBytes === null) continue;
    const node = observed.nodes.get(placement.node);
    for (const device of givenDevices(placement)) {
      const key = `${placement.node} ${currentId(node, device)}`;
      holders.set(key, [...(holders.get(key) ?? []), { replica, declaredBytes }]);
    }
  }
  const uses = new Map<string, DeviceUse>();
  for (const { name: node, answering, devices } of observed.nodes.values()) {
    for (const device of answering ? devices : []) {
      const held = holders.get(`${node} ${device.id}`) ?? [];
      const settledAt = Math.max(...held.map(h => settledFrom(h.replica)));
      const isTold = held.length > 0 && settledAt <= now && (device.measured?.at ?? -1) >= settledAt;
      const declaredBytes = held.reduce((sum, h) => sum + h.declaredBytes, 0);
      if (isTold) uses.set(`${node} ${device.id}`, useOf(node, device, declaredBytes));
    }
  }
  return uses;
}

/** A model may take its time after the first answer before its memory is what it will be. */
function settledFrom({ phase }: Replica): number {
  return phase.kind === 'ready' ? phase.since + SETTLED_AFTER_MS : Number.POSITIVE_INFINITY;
}

function useOf(node: string, { id, measured }: ObservedDevice, declaredBytes: number): DeviceUse {
  const usedBytes = measured?.usedBytes ?? 0;
  const figures = `${bytesInWords(usedBytes)} are in use, ${bytesInWords(declaredBytes)} are declared`;
  if (usedBytes > declaredBytes * 1.25 + OVERHEAD_BYTES) {
    const advice = 'raise x-outrigger.gpu.memory of what runs there';
    return { node, device: id, verdict: 'overused', message: `${id}: ${figures}; ${advice}` };
  }
  if (usedBytes < declaredBytes / 2) {
    const advice = 'lower x-outrigger.gpu.memory to let others in';
    return { node, device: id, verdict: 'underused', message: `${id}: ${figures}; ${advice}` };
  }
  return { node, device: id, verdict: 'as_declared', message: `${id}: ${figures}` };
}

const SETTLED_AFTER_MS = 60_000;
/** What drivers and contexts take beside what a model declares. */
const OVERHEAD_BYTES = 512 * 2 ** 20;
