import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { NetworkInspectInfo } from 'dockerode';
import type { DockerConnection } from './connection.ts';
import { localRoutes, type Route } from './local-routes.ts';
import { overlaps } from './overlaps.ts';
import { sshSettings } from './ssh-settings.ts';

/** A range of addresses that a new network must not cover, and what it is, in words: `the network web_default`. */
export interface TakenRange {
  readonly range: string;
  readonly what: string;
}

/**
 * What the node and its neighbours are known to use, as far as that can be seen from here. Of the machine that we run on
 * that is all: its interfaces and its routes. Of another one the engine tells nothing but its networks, so the surroundings
 * of its own address count as taken; a network over its gateway or over us would cut it off, and nobody could take that back.
 * @param address under which the node is reached, where the operator says so
 */
export async function takenRanges(
  connection: DockerConnection,
  { networks, address }: { readonly networks: readonly NetworkInspectInfo[]; readonly address?: string | undefined },
): Promise<TakenRange[]> {
  const host = await hostOf(connection);
  const own = interfacesHere().map(i => i.address);
  const named = (await Promise.all([host, address].map(addressesOf))).flat();
  const elsewhere = [...new Set(named)].filter(a => !isLoopback(a) && !own.includes(a));
  const isHere = connection.kind === 'unix' || (named.length > 0 && elsewhere.length === 0);
  const ours = (await Promise.all(elsewhere.map(sourceTowards))).flatMap(a => a ?? []);
  return [
    ...elsewhere.map(a => ({ range: a, what: `${a}, an address of the node itself` })),
    ...ours.map(a => ({ range: a, what: `${a}, from where this control plane reaches the node` })),
    ...networks.flatMap(ofNetwork),
    ...(isHere ? await takenHere() : []),
    ...elsewhere.flatMap(surroundings),
  ];
}

async function hostOf(connection: DockerConnection): Promise<string | null> {
  switch (connection.kind) {
    case 'unix':
      return null;
    case 'tcp':
      return connection.host;
    case 'ssh':
      return (await sshSettings(connection)).host;
    default:
      return connection satisfies never;
  }
}

/** The first of these that a subnet has an address in common with. */
export function takenBy(subnet: string, taken: readonly TakenRange[]): TakenRange | undefined {
  return taken.find(({ range }) => overlaps(subnet, range));
}

async function takenHere(): Promise<TakenRange[]> {
  const routes = (await localRoutes()).filter(r => !isOutOfPlay(r.range));
  return [
    ...routes.flatMap(({ gateway, device }) =>
      gateway === null || isOutOfPlay(gateway)
        ? []
        : [{ range: gateway, what: `${gateway}, a gateway of this machine on ${device}` }],
    ),
    ...interfacesHere().map(({ name, cidr }) => ({ range: cidr, what: `${cidr} on ${name} of this machine` })),
    ...routes
      .filter(isOfSomePlace)
      .map(({ range, device }) => ({ range, what: `${range}, to where this machine has a route by ${device}` })),
  ];
}

function interfacesHere(): { readonly name: string; readonly address: string; readonly cidr: string }[] {
  return Object.entries(networkInterfaces()).flatMap(([name, found = []]) =>
    found.flatMap(({ address, cidr }) => (cidr === null || isOutOfPlay(address) ? [] : [{ name, address, cidr }])),
  );
}

/** Overlays are in namespaces of their own: no route of the node leads there. */
function ofNetwork({ Name, Driver, IPAM }: NetworkInspectInfo): TakenRange[] {
  if (Driver === 'overlay') return [];
  return (IPAM?.Config ?? []).flatMap(({ Subnet }) =>
    Subnet === undefined || Subnet === '' ? [] : [{ range: Subnet, what: `${Subnet}, the network ${Name} there` }],
  );
}

function surroundings(address: string): TakenRange {
  const range = `${address}/${isIP(address) === 4 ? NEIGHBOURHOOD_BITS : NEIGHBOURHOOD6_BITS}`;
  return {
    range,
    what: `what is around the node (${range}): its gateway and its neighbours may be there, which cannot be seen from here`,
  };
}

/** As wide as the widest subnet that a service file may have, see control-plane/admission/check-networks.ts. */
const NEIGHBOURHOOD_BITS = 16;
const NEIGHBOURHOOD6_BITS = 48;

async function addressesOf(host: string | null | undefined): Promise<string[]> {
  if (!host) return [];
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address).filter(a => isLoopback(a) || !isOutOfPlay(a));
}

/** The address of ours that packets to there come from; null: there is no way. Nothing is sent for it. */
function sourceTowards(address: string): Promise<string | null> {
  return new Promise(resolve => {
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    const settle = (source: string | null) => {
      socket.close();
      resolve(source);
    };
    socket.once('error', () => settle(null));
    socket.connect(DISCARD_PORT, address, () => settle(socket.address().address));
  });
}

const DISCARD_PORT = 9;

/** A default route, in halves too, leads everywhere and is nobody's place. */
function isOfSomePlace({ range }: Route): boolean {
  return Number(range.split('/')[1]) >= 8;
}

/** Loopback, link-local and multicast addresses: no subnet that is admitted has them. */
function isOutOfPlay(range: string): boolean {
  const [address = ''] = range.split('/');
  return isLoopback(address) || NEVER.some(r => overlaps(address, r));
}

function isLoopback(address: string): boolean {
  return overlaps(address, '127.0.0.0/8') || overlaps(address, '::1');
}

const NEVER = ['169.254.0.0/16', '224.0.0.0/4', 'fe80::/10', 'ff00::/8'];
