import { readFile } from 'node:fs/promises';

/** Where this machine sends what is not for itself: a range, and through which gateway; null: it is a neighbour. */
export interface Route {
  /** `10.8.0.0/16`; the default route is `0.0.0.0/0` or `::/0`. */
  readonly range: string;
  readonly gateway: string | null;
  readonly device: string;
}

/** The routes of this machine, as Linux shows them; none where that is not what runs here. */
export async function localRoutes(): Promise<Route[]> {
  const [four, six] = await Promise.all(
    ['/proc/net/route', '/proc/net/ipv6_route'].map(file => readFile(file, 'utf8').catch(() => '')),
  );
  return [...parseRoutes(four ?? ''), ...parseRoutes6(six ?? '')];
}

/** `/proc/net/route`: a title, then a line a route with addresses in hexadecimal, in the byte order of the machine. */
export function parseRoutes(text: string): Route[] {
  return text.split('\n').flatMap(line => {
    const [device = '', target = '', gateway = '', flags = '', , , , mask = ''] = line.split('\t');
    if (![target, gateway, mask].every(hex => /^[0-9A-F]{8}$/i.test(hex)) || isUnused(flags)) return [];
    const prefix = bytesOf(mask).reduce((bits, byte) => bits + byte.toString(2).replaceAll('0', '').length, 0);
    return [{ range: `${dotted(target)}/${prefix}`, gateway: /^0+$/.test(gateway) ? null : dotted(gateway), device }];
  });
}

/** `/proc/net/ipv6_route`: target, its prefix, source, its prefix, next hop, metric, use counts, flags, device. */
export function parseRoutes6(text: string): Route[] {
  return text.split('\n').flatMap(line => {
    const [target = '', prefix = '', , , gateway = '', , , , flags = '', device = ''] = line.trim().split(/\s+/);
    if (![target, gateway].every(hex => /^[0-9a-f]{32}$/.test(hex)) || isUnused(flags)) return [];
    const range = `${colons(target)}/${Number.parseInt(prefix, 16)}`;
    return [{ range, gateway: /^0+$/.test(gateway) ? null : colons(gateway), device }];
  });
}

/** It is down, or says that there is nothing: RTF_UP and RTF_REJECT of linux/route.h. */
function isUnused(flags: string): boolean {
  const bits = Number.parseInt(flags, 16);
  return !((bits & 0x1) !== 0 && (bits & 0x200) === 0);
}

/** All machines that Docker runs on are little-endian, s390x aside. */
function bytesOf(hex: string): number[] {
  return [...Buffer.from(hex, 'hex')].reverse();
}

function dotted(hex: string): string {
  return bytesOf(hex).join('.');
}

function colons(hex: string): string {
  return hex.match(/.{4}/g)?.join(':') ?? '';
}
