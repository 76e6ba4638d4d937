import type { Value } from '../../proto/generated/google/protobuf/Value.ts';
import type { ApplyResponse } from '../../proto/generated/outrigger/v1/ApplyResponse.ts';
import type { EndpointAddress as AddressMessage } from '../../proto/generated/outrigger/v1/EndpointAddress.ts';
import type { Event } from '../../proto/generated/outrigger/v1/Event.ts';
import type { ListServicesResponse } from '../../proto/generated/outrigger/v1/ListServicesResponse.ts';
import type { LogLine } from '../../proto/generated/outrigger/v1/LogLine.ts';
import type { Node } from '../../proto/generated/outrigger/v1/Node.ts';
import type { Replica } from '../../proto/generated/outrigger/v1/Replica.ts';
import type { Service } from '../../proto/generated/outrigger/v1/Service.ts';
import type { Snapshot } from '../../proto/generated/outrigger/v1/Snapshot.ts';
import type { Status } from '../../proto/generated/outrigger/v1/Status.ts';
import type { Why } from '../../proto/generated/outrigger/v1/Why.ts';
import type { ApplyResult } from '../control-plane.ts';
import type { EndpointAddress } from '../core/endpoint.ts';
import type {
  Amount,
  EventView,
  LogLineView,
  NodeView,
  ReplicaView,
  ServiceView,
  StatusView,
  WhyView,
} from '../views/views.ts';
import { kept } from './kept.ts';
import type { ServiceList } from './operations.ts';
import type { SnapshotView } from './schemas.ts';
import { toStruct } from './struct.ts';

/**
 * Views as messages of the contract. The fields have the same names; only addresses (an enum there) and the spec (a
 * Struct there) are spelled differently. The message of a shared view is made once.
 */
export function serviceMessage(view: ServiceView): Service {
  return kept(services, view, () => ({
    ...view,
    replicas: view.replicas.map(replicaMessage),
    failedRollout: view.failedRollout ? { ...view.failedRollout, logTail: [...view.failedRollout.logTail] } : null,
    spec: toStruct(view.spec),
  }));
}

const services = new WeakMap<ServiceView, Service>();
const lists = new WeakMap<ServiceList, ListServicesResponse>();
const snapshots = new WeakMap<SnapshotView, Snapshot>();

export function serviceListMessage(list: ServiceList): ListServicesResponse {
  return kept(lists, list, () => ({ services: list.services.map(serviceMessage) }));
}

export function snapshotMessage(view: SnapshotView): Snapshot {
  return kept(snapshots, view, () => ({
    ...view,
    endpoints: view.endpoints.map(e => ({ ...e, addresses: e.addresses.map(addressMessage) })),
  }));
}

export function statusMessage(view: StatusView): Status {
  return { ...view, listen: [...view.listen] };
}

export function nodeMessage(view: NodeView): Node {
  return { ...view, devices: view.devices.map(d => ({ ...d, holders: [...d.holders] })) };
}

export function whyMessage(view: WhyView): Why {
  return {
    ...view,
    replicas: view.replicas.map(replica => ({
      ...replica,
      devices: [...replica.devices],
      summary: [...replica.summary],
      groups: replica.groups.map(g => ({
        ...g,
        nodes: [...g.nodes],
        heldBy: [...g.heldBy],
        help: [...g.help],
        requested: amountMessage(g.requested),
      })),
      rejections: replica.rejections.map(r => ({
        ...r,
        heldBy: [...r.heldBy],
        requested: amountMessage(r.requested),
      })),
    })),
  };
}

export function eventMessage(view: EventView): Event {
  return { ...view };
}

export function logLineMessage(view: LogLineView): LogLine {
  return { ...view };
}

export function applyMessage(results: readonly ApplyResult[]): ApplyResponse {
  return { results: results.map(r => ({ ...r, warnings: [...r.warnings] })) };
}

function replicaMessage(view: ReplicaView): Replica {
  return {
    ...view,
    devices: [...view.devices],
    logTail: [...view.logTail],
    addresses: view.addresses.map(addressMessage),
    timings: [...view.timings],
  };
}

function amountMessage(amount: Amount | undefined): Value | null {
  if (amount === undefined) return null;
  return typeof amount === 'number' ? { numberValue: amount } : { stringValue: amount };
}

function addressMessage(address: EndpointAddress): AddressMessage {
  switch (address.kind) {
    case 'network':
      return { ...address, kind: 'NETWORK' };
    case 'published':
      return { ...address, kind: 'PUBLISHED' };
    default:
      return address satisfies never;
  }
}
