import type { Probed } from '../core/plan/probed-in.ts';
import { givenDevices } from '../core/replica.ts';
import type { DeviceTarget } from '../nodes/device-watch.ts';
import type { ProbeTarget } from '../ports.ts';

/** What the sidecar is told of a container. */
export function probeTarget(probed: Probed): ProbeTarget {
  const { replica, spec, container, containerId, hosts, heardFrom, resume, withdrawn } = probed;
  return {
    containerId,
    replicaId: replica.id,
    service: replica.service,
    spec,
    hosts,
    ...(container?.health === undefined ? {} : { containerHealth: container.health }),
    heardFrom,
    startedAt: container?.startedAt ?? replica.phase.since,
    resume,
    ...(withdrawn && { withdrawn }),
  };
}

/** Containers that were given devices are asked whether they still see them, from their start to their drain. */
export function deviceTarget({ replica, spec, containerId }: Probed): DeviceTarget[] {
  const { phase } = replica;
  if (phase.kind !== 'starting' && phase.kind !== 'warming' && phase.kind !== 'ready') return [];
  const { node } = phase.placement;
  const devices = givenDevices(phase.placement);
  const check = spec.resources.gpu?.check;
  return devices.length === 0
    ? []
    : [{ containerId, node, devices, ...(check && { check, isProven: replica.hasSeenDevices }) }];
}
