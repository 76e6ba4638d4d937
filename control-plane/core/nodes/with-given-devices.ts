import { deviceOf, type GivenDevice, givenDevice } from '../node.ts';
import type { ObservedNode } from '../observed.ts';
import { givenDevices, heldPlacement, type Placement, type Replica } from '../replica.ts';

/**
 * Notes what a replica's devices are, beside their ids, while its node lists them by these: the same object where nothing
 * is to be added. By the time a listing has other ids, nobody could tell any more.
 */
export function withGivenDevices(replica: Replica, node: ObservedNode | undefined): Replica {
  const { phase } = replica;
  const placement = heldPlacement(replica);
  if (!placement || placement.devices.length === 0 || !node?.answering || !('placement' in phase)) return replica;
  const given = givenDevices(placement).map(device => known(device, node));
  if (isSame(given, placement)) return replica;
  return { ...replica, phase: { ...phase, placement: { ...placement, given } } };
}

function known(device: GivenDevice, node: ObservedNode): GivenDevice {
  const listed = deviceOf(node, device);
  // An id that another device had before may be of either.
  if (listed?.id !== device.id || node.vanished.some(d => d.id === device.id)) return device;
  return { ...device, ...givenDevice(listed) };
}

function isSame(given: readonly GivenDevice[], placement: Placement): boolean {
  return givenDevices(placement).every((d, i) => d.uuid === given[i]?.uuid && d.of === given[i]?.of);
}
