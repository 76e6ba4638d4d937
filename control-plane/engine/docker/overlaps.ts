import { BlockList, isIP } from 'node:net';

/** Whether two ranges of addresses have one in common. Each is `10.1.0.0/16`, or a single address. What is neither has none. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [parseRange(one), parseRange(other)];
  if (!a || !b || a.family !== b.family) return false;
  const [wide, narrow] = a.prefix <= b.prefix ? [a, b] : [b, a];
  const list = new BlockList();
  list.addSubnet(wide.address, wide.prefix, wide.family);
  return list.check(narrow.address, narrow.family);
}

function parseRange(range: string) {
  const [address = '', prefix] = range.split('/');
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : Number(prefix);
  if (version === 0 || prefix === '' || !Number.isInteger(length) || length < 0 || length > bits) return null;
  return { address, prefix: length, family: version === 4 ? ('ipv4' as const) : ('ipv6' as const) };
}
