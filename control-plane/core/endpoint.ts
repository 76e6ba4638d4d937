import type { NetworkAddress, ObservedContainer } from './observed.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';

/** Address and port of one replica, with its state, as clients see it. Belongs to exactly one container id. */
export interface Endpoint {
  readonly service: ServiceKey;
  readonly replicaId: string;
  readonly containerId: string;
  readonly generation: number;
  readonly node: string;
  readonly protocol: 'grpc' | 'http' | 'tcp';
  /** Every way to the same socket, best first for a client beside the engine. */
  readonly addresses: readonly EndpointAddress[];
}

export type EndpointAddress =
  /** The container's own address in a network of the engine. */
  | { readonly kind: 'network'; readonly network: string; readonly host: string; readonly port: number }
  /** A port that the engine published on the node. */
  | { readonly kind: 'published'; readonly host: string; readonly port: number };

/** All addresses of a container for its service's port; empty while the engine has not given it any. */
export function addressesOf(
  spec: ServiceSpec,
  container: Pick<ObservedContainer, 'addresses' | 'publishedPorts'>,
  nodeAddress: string,
): EndpointAddress[] {
  const port = spec.port;
  if (port === undefined) return [];
  const order = new Map(spec.networks.map((n, i) => [n.name, i]));
  const rank = (a: NetworkAddress) => order.get(a.network) ?? Number.MAX_SAFE_INTEGER;
  const own = [...container.addresses]
    .filter(a => a.ip !== '')
    .sort((a, b) => rank(a) - rank(b) || (a.network < b.network ? -1 : 1))
    .map(a => ({ kind: 'network' as const, network: a.network, host: a.ip, port }));
  const published = container.publishedPorts
    .filter(p => p.containerPort === port && p.protocol === 'tcp' && p.hostPort > 0)
    .map(p => ({
      kind: 'published' as const,
      host: isAnyAddress(p.hostIp) ? nodeAddress : p.hostIp,
      port: p.hostPort,
    }));
  const unique = new Map([...own, ...published].map(a => [`${a.kind} ${a.host} ${a.port}`, a]));
  return [...unique.values()];
}

function isAnyAddress(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || ip === '::';
}
