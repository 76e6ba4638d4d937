import { isIPv4 } from 'node:net';
import type { ServiceView } from '../control-plane/views/views.ts';
import { hostAndPort } from './address.ts';

/**
 * `ADDR`: host:port of each ready replica, joined by commas. `URL`: what a client of the protocol takes. Over the name
 * that the engine's DNS has for the service where it has one, since that outlives the replicas of this moment.
 */
export function addressVariables(service: ServiceView, aliases: readonly string[]): string[] {
  const addresses = service.replicas
    .filter(r => r.phase === 'ready' && !r.impaired)
    .flatMap(r => r.addresses.find(a => a.kind === 'network') ?? r.addresses[0] ?? []);
  if (service.port === undefined || addresses.length === 0) return [];
  // In a fixed order: Compose makes a dependent's container anew when its environment changes.
  const list = addresses.map(a => hostAndPort(a.host, a.port)).sort();
  const named = aliases.includes(service.name) && addresses.every(a => a.kind === 'network');
  const first = named ? `${service.name}:${service.port}` : list[0]!;
  return [`ADDR=${list.join(',')}`, `URL=${urlOf(service, first, named, addresses, list)}`];
}

function urlOf(
  service: ServiceView,
  first: string,
  named: boolean,
  addresses: readonly { host: string }[],
  list: readonly string[],
): string {
  switch (service.protocol) {
    case 'http':
      return `http://${first}`;
    case 'tcp':
      return `tcp://${first}`;
    case 'grpc':
      if (named) return `dns:///${first}`;
      return addresses.every(a => isIPv4(a.host)) ? `ipv4:${list.join(',')}` : `dns:///${first}`;
    default:
      return service.protocol satisfies never;
  }
}
