import { isUnstarted } from '../is-unstarted.ts';
import { deviceOf, type GivenDevice, givenDevice } from '../node.ts';
import type { Observed, ObservedNode } from '../observed.ts';
import { givenDevices, heldPlacement, type Placement, type Replica } from '../replica.ts';

/**
 * Notes what a replica's devices are, beside their ids, while its node lists them by these: the same object where nothing
 * is to be noted. By the time a listing has other ids, nobody could tell any more. Of what has not been started only the
 * ids count, as it gets what these stand for then: where that is not known, as after a reboot before the driver was read,
 * a UUID of before would be a guess.
 */
export function withGivenDevices(replica: Replica, observed: Observed): Replica {
  const { phase } = replica;
  const placement = heldPlacement(replica);
  if (!placement || placement.devices.length === 0 || !('placement' in phase)) return replica;
  const node = observed.nodes.get(placement.node);
  if (!node?.answering) return replica;
  const keeps = !isUnstarted(replica, observed);
  const given = givenDevices(placement).map(device => known(device, node, keeps));
  if (isSame(given, placement)) return replica;
  return { ...replica, phase: { ...phase, placement: { ...placement, given } } };
}

function known(device: GivenDevice, node: ObservedNode, keeps: boolean): GivenDevice {
  const listed = deviceOf(node, device);
  // An id that another device had before may be of either.
  if (listed?.id !== device.id || node.vanished.some(d => d.id === device.id)) return device;
  return keeps ? { ...device, ...givenDevice(listed) } : givenDevice(listed);
}

function isSame(given: readonly GivenDevice[], placement: Placement): boolean {
  return givenDevices(placement).every((d, i) => d.uuid === given[i]?.uuid && d.of === given[i]?.of);
}
