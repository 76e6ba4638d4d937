import { existsSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { DiscoveryError } from './client-error.ts';
import type { ControlAddress } from './control-address.ts';
import type { Endpoint, EndpointAddress } from './snapshot.ts';

/** Which of an endpoint's addresses are used: found out, or as somebody who knows better says. */
export type Reach =
  | { readonly kind: 'auto' }
  | { readonly kind: 'published' }
  /** In the named network of the engine; in any where none is named. */
  | { readonly kind: 'network'; readonly network?: string };

/** Reads OUTRIGGER_REACH: `network`, `network:<name>`, `published`; empty means `auto`. */
export function parseReach(text: string | undefined): Reach {
  const match = /^(?:(auto)|(published)|network(?::(.+))?)?$/.exec(text ?? '');
  if (!match) {
    throw new DiscoveryError('invalid_argument', `"${text}" is not a way to reach endpoints.`, {
      next: 'Expected network, network:<name>, published or auto (OUTRIGGER_REACH).',
    });
  }
  if (!text || match[1]) return { kind: 'auto' };
  if (match[2]) return { kind: 'published' };
  return match[3] === undefined ? { kind: 'network' } : { kind: 'network', network: match[3] };
}

/** Where this process stands. */
export interface Standpoint {
  /** An address of a network that this machine or container has an interface in. */
  readonly isLocal: (host: string) => boolean;
  /** The control plane is on this machine, and so are, as far as can be known, its engine's networks. */
  readonly besideEngine: boolean;
  /** 127.0.0.1 is the same here as for the engine: not so in a container that was handed the control plane's socket. */
  readonly sharesLoopback: boolean;
  readonly inContainer: boolean;
}

/**
 * The addresses to call an endpoint by, best first. The container's own comes first where this process has a part in its
 * network; it may only be trusted to be that container where the engine is this machine's or this is a container itself,
 * because every engine hands out the same private addresses. Where nothing speaks for any, all are worth a try. Empty
 * where none is of the kind that was asked for.
 */
export function reachable(endpoint: Endpoint, reach: Reach, standpoint: Standpoint): EndpointAddress[] {
  const { addresses } = endpoint;
  switch (reach.kind) {
    case 'published':
      return addresses.filter(address => address.kind === 'published');
    case 'network':
      return addresses.filter(
        address => address.kind === 'network' && (reach.network === undefined || address.network === reach.network),
      );
    case 'auto': {
      const shared =
        standpoint.besideEngine || standpoint.inContainer
          ? addresses.filter(address => address.kind === 'network' && standpoint.isLocal(address.host))
          : [];
      const published = addresses.filter(address => address.kind === 'published');
      const likely = published.filter(address => standpoint.sharesLoopback || !isLoopback(address.host));
      if (shared.length + likely.length > 0) return [...shared, ...likely];
      return [...published, ...addresses.filter(address => address.kind === 'network')];
    }
    default:
      return reach satisfies never;
  }
}

/** Read anew for each snapshot: interfaces come and go with the networks that a container joins. */
export function standpointOf(control: ControlAddress): Standpoint {
  const subnets = new BlockList();
  const own = new Set<string>();
  for (const networks of Object.values(networkInterfaces())) {
    for (const { cidr, family, address } of networks ?? []) {
      const [base, prefix] = (cidr ?? '').split('/');
      if (!base || prefix === undefined) continue;
      own.add(address);
      subnets.addSubnet(base, Number(prefix), family === 'IPv6' ? 'ipv6' : 'ipv4');
    }
  }
  const inContainer = existsSync('/.dockerenv') || existsSync('/run/.containerenv');
  const local = control.kind === 'unix' || isLoopback(control.host);
  return {
    isLocal: host => isIP(host) !== 0 && subnets.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'),
    besideEngine: local || (control.kind === 'tcp' && own.has(control.host)),
    sharesLoopback: local && (control.kind === 'tcp' || !inContainer),
    inContainer,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}
