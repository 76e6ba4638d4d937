import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import test from 'ava';
import Docker from 'dockerode';
import fc from 'fast-check';
import { localRoutes, parseRoutes, parseRoutes6 } from '../../../control-plane/engine/docker/local-routes.ts';
import { overlaps } from '../../../control-plane/engine/docker/overlaps.ts';
import { takenBy, takenRanges } from '../../../control-plane/engine/docker/taken-ranges.ts';

test('two ranges overlap where one begins within the other', t => {
  t.true(overlaps('172.17.0.0/29', '172.17.0.1'));
  t.true(overlaps('172.17.0.1', '172.17.0.0/29'));
  t.true(overlaps('10.0.0.0/8', '10.99.0.0/16'));
  t.true(overlaps('fd00:1::/32', 'fd00:1:2::/48'));
  t.false(overlaps('172.17.0.0/29', '172.17.0.8'));
  t.false(overlaps('10.0.0.0/16', '10.1.0.0/16'));
  t.false(overlaps('10.0.0.0/8', 'fd00::/8'));
  for (const nonsense of ['', 'x', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0/8', '10.0.0.0/x']) {
    t.false(overlaps(nonsense, '10.0.0.0/8'), nonsense);
  }
});

const range = fc.tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }));
const written = ([bits, prefix]: [number, number]) =>
  `${[24, 16, 8, 0].map(shift => (bits >>> shift) & 255).join('.')}/${prefix}`;

test('ranges overlap exactly where their common prefix is equal', t => {
  fc.assert(
    fc.property(range, range, fc.boolean(), ([bits, prefix], [otherBits, otherPrefix], near) => {
      // Two at random hardly ever meet: every second one begins where the other does.
      const other: [number, number] = [near ? (bits ^ (otherBits & 0xffff)) >>> 0 : otherBits, otherPrefix];
      const common = 2 ** (32 - Math.min(prefix, otherPrefix));
      const expected = Math.floor(bits / common) === Math.floor(other[0] / common);
      return overlaps(written([bits, prefix]), written(other)) === expected;
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('routes are read as Linux writes them', t => {
  const title = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
  const lines = [
    'eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0',
    'eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'tun0\t0000080A\t0100080A\t0003\t0\t0\t0\t00F0FFFF\t0\t0\t0',
    'lo\t0000090A\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0',
    'eth1\t00000A0A\t00000000\t0000\t0\t0\t0\t0000FFFF\t0\t0\t0',
  ];
  t.deepEqual(parseRoutes([title, ...lines, ''].join('\n')), [
    { range: '0.0.0.0/0', gateway: '172.17.0.1', device: 'eth0' },
    { range: '172.17.0.0/16', gateway: null, device: 'eth0' },
    { range: '10.8.0.0/20', gateway: '10.8.0.1', device: 'tun0' },
  ]);
  const none = '0'.repeat(32);
  const six = [
    `fd00${'0'.repeat(28)} 40 ${none} 00 ${none} 00000100 00000001 00000000 00000001     eth0`,
    `${none} 00 ${none} 00 fd00${'0'.repeat(27)}1 00000400 00000003 00000000 00000003     eth0`,
    `${none} 00 ${none} 00 ${none} ffffffff 00000001 00000000 00200200       lo`,
  ];
  t.deepEqual(parseRoutes6(six.join('\n')), [
    { range: 'fd00:0000:0000:0000:0000:0000:0000:0000/64', gateway: null, device: 'eth0' },
    {
      range: '0000:0000:0000:0000:0000:0000:0000:0000/0',
      gateway: 'fd00:0000:0000:0000:0000:0000:0000:0001',
      device: 'eth0',
    },
  ]);
  t.deepEqual([...parseRoutes('garbage\n\t\t'), ...parseRoutes6('garbage')], []);
});

test('of the machine that we run on, its interfaces, its gateways and the networks of its engine are taken', async t => {
  const networks = await new Docker().listNetworks();
  const taken = await takenRanges({ kind: 'unix', socketPath: '/var/run/docker.sock' }, { networks });
  for (const { address } of Object.values(networkInterfaces()).flatMap(found => found ?? [])) {
    if (isIPv4(address) && !address.startsWith('127.')) t.truthy(takenBy(`${address}/30`, taken), address);
  }
  const gateways = (await localRoutes()).flatMap(r =>
    r.range === '0.0.0.0/0' && r.gateway !== null ? [r.gateway] : [],
  );
  for (const gateway of gateways) t.regex(takenBy(`${gateway}/32`, taken)?.what ?? '', /gateway/);
  const bridge = networks.find(n => n.Name === 'bridge')?.IPAM?.Config?.[0]?.Subnet ?? '';
  t.regex(takenBy(bridge, taken)?.what ?? '', /the network bridge there/);
  t.is(takenBy('10.213.91.0/24', taken), undefined, 'what nobody uses is free');
});

test('of a node elsewhere, its address, ours on the way to it and what is around it are taken', async t => {
  const connection = { kind: 'tcp', host: '203.0.113.7', port: 2376 } as const;
  const taken = await takenRanges(connection, { networks: [], address: '10.5.9.1' });
  t.regex(takenBy('203.0.113.0/24', taken)?.what ?? '', /^203\.0\.113\.7, an address of the node itself/);
  t.regex(takenBy('10.5.9.0/24', taken)?.what ?? '', /^10\.5\.9\.1, an address of the node itself/);
  t.regex(takenBy('10.5.0.0/29', taken)?.what ?? '', /^what is around the node \(10\.5\.9\.1\/16\)/);
  t.is(takenBy('10.6.0.0/16', taken), undefined);
});

test('an engine at a loopback address is on this machine', async t => {
  const taken = await takenRanges({ kind: 'tcp', host: 'localhost', port: 2375 }, { networks: [] });
  const here = await takenRanges({ kind: 'unix', socketPath: '/x' }, { networks: [] });
  t.deepEqual(taken, here);
});
