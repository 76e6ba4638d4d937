import type { NetworkAddress, ObservedContainer, Reach } from './observed.ts';
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

/** How a node's containers are reached from elsewhere. */
export interface NodeReach {
  readonly address: string;
  readonly reach: Reach;
}

/** A way for the sidecar to a container: at the container's own ports, or at the published ones by container port. */
export interface ProbeHost {
  readonly host: string;
  readonly portOf: Readonly<Record<number, number>> | null;
}

type Reachable = Pick<ObservedContainer, 'addresses' | 'publishedPorts'>;

/** All addresses of a container for its service's port; empty while the engine has not given it any. */
export function addressesOf(spec: ServiceSpec, container: Reachable, node: NodeReach): EndpointAddress[] {
  const port = spec.port;
  if (port === undefined) return [];
  const own = ownAddresses(spec, container, node).map(a => ({
    kind: 'network' as const,
    network: a.network,
    host: a.ip,
    port,
  }));
  const published = container.publishedPorts.flatMap(p => {
    const host = publishedHost(p.hostIp, node);
    if (p.containerPort !== port || p.protocol !== 'tcp' || p.hostPort <= 0 || host === null) return [];
    return [{ kind: 'published' as const, host, port: p.hostPort }];
  });
  const unique = new Map([...own, ...published].map(a => [`${a.kind} ${a.host} ${a.port}`, a]));
  return [...unique.values()];
}

/**
 * The ways to a container for probes, which may go to other ports than the service's, and for services that have none.
 * `known`: the addresses that clients are given, best first.
 */
export function probeHosts(
  spec: ServiceSpec,
  container: Reachable,
  given: { readonly known: readonly EndpointAddress[]; readonly node: NodeReach },
): ProbeHost[] {
  const portOf = Object.fromEntries(
    container.publishedPorts.filter(p => p.protocol === 'tcp').map(p => [p.containerPort, p.hostPort]),
  );
  const known = given.known.map(a => ({ host: a.host, portOf: a.kind === 'network' ? null : portOf }));
  if (known.length > 0) return known;
  const own = ownAddresses(spec, container, given.node).map(a => ({ host: a.ip, portOf: null }));
  if (own.length > 0) return own;
  const hosts = container.publishedPorts.flatMap(p => publishedHost(p.hostIp, given.node) ?? []);
  return [...new Set(hosts)].map(host => ({ host, portOf }));
}

/** None where the node is reached by published ports only: such an address may be somebody else's here. */
function ownAddresses(spec: ServiceSpec, container: Reachable, node: NodeReach): NetworkAddress[] {
  if (node.reach === 'published') return [];
  const order = new Map(spec.networks.map((n, i) => [n.name, i]));
  const rank = (a: NetworkAddress) => order.get(a.network) ?? Number.MAX_SAFE_INTEGER;
  return container.addresses
    .filter(a => a.ip !== '')
    .sort((a, b) => rank(a) - rank(b) || (a.network < b.network ? -1 : 1));
}

/** Null: published on the loopback of another machine, where nobody else gets to. */
function publishedHost(hostIp: string, { address, reach }: NodeReach): string | null {
  if (isAnyAddress(hostIp)) return address;
  return reach === 'published' && isLoopback(hostIp) && !isLoopback(address) ? null : hostIp;
}

function isAnyAddress(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || ip === '::';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
