import type { Endpoint, EndpointAddress } from '../core/endpoint.ts';
import { splitKey } from '../core/spec.ts';
import type { RegisteredEndpoint } from '../ports.ts';

/** Which of an endpoint's addresses a registry hands out: the first in any network, in this network, or on the node. */
export type Advertise = 'network' | 'published' | { readonly network: string };

/** What a registry says of one endpoint; null where it has no address of the advertised kind. */
export function registrationOf(endpoint: Endpoint, instance: string, advertise: Advertise): RegisteredEndpoint | null {
  const address = endpoint.addresses.find(a => isAdvertised(a, advertise));
  if (!address) return null;
  const [namespace, service] = splitKey(endpoint.service);
  return {
    replicaId: endpoint.replicaId,
    host: address.host,
    port: address.port,
    tags: ['outrigger', endpoint.protocol, `generation-${endpoint.generation}`],
    metadata: {
      instance,
      namespace,
      service,
      // The Compose project owns its services, as long as no job holds a lease of its own.
      job: namespace,
      protocol: endpoint.protocol,
      generation: String(endpoint.generation),
      replica: endpoint.replicaId,
      node: endpoint.node,
      container: endpoint.containerId,
      addresses: writeAddresses(endpoint.addresses),
    },
  };
}

function isAdvertised(address: EndpointAddress, advertise: Advertise): boolean {
  if (advertise === 'published') return address.kind === 'published';
  return address.kind === 'network' && (advertise === 'network' || address.network === advertise.network);
}

/** Longest value that Consul takes in a service's metadata, in bytes. */
const MAX_METADATA_VALUE = 512;

/** Every way to the replica as `network=host:port`, for clients that are not where the advertised address leads. */
function writeAddresses(addresses: readonly EndpointAddress[]): string {
  let text = '';
  for (const address of addresses) {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    const way = `${address.kind === 'network' ? address.network : 'published'}=${host}:${address.port}`;
    const longer = text === '' ? way : `${text} ${way}`;
    if (Buffer.byteLength(longer) > MAX_METADATA_VALUE) break;
    text = longer;
  }
  return text;
}
