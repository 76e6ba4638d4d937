import type { Snapshot__Output } from '../proto/generated/outrigger/v1/Snapshot.ts';

/** All ready endpoints of one service at one moment. */
export interface Snapshot {
  readonly namespace: string;
  readonly service: string;
  /** Grows with each change; comparable only within one epoch. */
  readonly version: number;
  /** Names the life of the control plane that counts the versions. */
  readonly epoch: string;
  /** A service of this name exists, though perhaps without a ready replica. */
  readonly known: boolean;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly replicaId: string;
  readonly containerId: string;
  readonly generation: number;
  readonly node: string;
  readonly protocol: string;
  /** Every way to the same socket. */
  readonly addresses: readonly EndpointAddress[];
}

export type EndpointAddress =
  /** The container's own address in a network of the engine. */
  | { readonly kind: 'network'; readonly network: string; readonly host: string; readonly port: number }
  /** A port that the engine published on the node. */
  | { readonly kind: 'published'; readonly host: string; readonly port: number };

/** Kinds of address that this version does not know are left out: it could not choose among them. */
export function snapshotOf(message: Snapshot__Output): Snapshot {
  return {
    namespace: message.namespace,
    service: message.service,
    version: message.version,
    epoch: message.epoch,
    known: message.known,
    endpoints: message.endpoints.map(endpoint => ({
      replicaId: endpoint.replicaId,
      containerId: endpoint.containerId,
      generation: endpoint.generation,
      node: endpoint.node,
      protocol: endpoint.protocol,
      addresses: endpoint.addresses.flatMap((address): EndpointAddress[] => {
        const { host, port, network } = address;
        if (address.kind === 'NETWORK') return [{ kind: 'network', network, host, port }];
        return address.kind === 'PUBLISHED' ? [{ kind: 'published', host, port }] : [];
      }),
    })),
  };
}
