import test from 'ava';
import { addressesOf, type NodeReach, probeHosts } from '../../control-plane/core/endpoint.ts';
import { aContainer } from './replicas.ts';
import { aSpec } from './specs.ts';

const HERE: NodeReach = { address: '127.0.0.1', reach: 'containers' };
const ELSEWHERE: NodeReach = { address: '192.0.2.7', reach: 'published' };

test('a port published on every address is reached at the node, one on a given address there', t => {
  const published = (hostIp: string) => ({ containerPort: 50051, hostIp, hostPort: 32_768, protocol: 'tcp' as const });
  const hosts = (...ips: string[]) =>
    addressesOf(aSpec(), { addresses: [], publishedPorts: ips.map(published) }, { ...HERE, address: '192.0.2.7' }).map(
      a => a.host,
    );
  for (const anywhere of ['', '0.0.0.0', '::']) t.deepEqual(hosts(anywhere), ['192.0.2.7'], anywhere);
  t.deepEqual(hosts('127.0.0.1'), ['127.0.0.1']);
  t.deepEqual(hosts('0.0.0.0', '::'), ['192.0.2.7'], 'both families of one port are one address');
});

test("addresses come in the order of the service's networks, published ones last; what leads nowhere is left out", t => {
  const spec = aSpec({
    networks: [
      { name: 'first', key: 'first' },
      { name: 'second', key: 'second' },
    ],
  });
  const container = aContainer({
    addresses: [
      { network: 'zzz', ip: '10.0.0.4' },
      { network: 'second', ip: '10.0.0.3' },
      { network: 'aaa', ip: '10.0.0.5' },
      { network: 'first', ip: '10.0.0.2' },
      { network: 'starting', ip: '' },
    ],
    publishedPorts: [
      { containerPort: 50051, hostIp: '127.0.0.1', hostPort: 32_768, protocol: 'tcp' },
      { containerPort: 50051, hostIp: '127.0.0.1', hostPort: 32_769, protocol: 'udp' },
      { containerPort: 9_000, hostIp: '127.0.0.1', hostPort: 32_770, protocol: 'tcp' },
      { containerPort: 50051, hostIp: '127.0.0.1', hostPort: 0, protocol: 'tcp' },
    ],
  });
  t.deepEqual(
    addressesOf(spec, container, HERE).map(a => `${a.kind} ${a.host} ${a.port}`),
    [
      'network 10.0.0.2 50051',
      'network 10.0.0.3 50051',
      'network 10.0.0.5 50051',
      'network 10.0.0.4 50051',
      'published 127.0.0.1 32768',
    ],
  );
});

test('a service without a port has no address', t => {
  const { port: _, ...spec } = aSpec();
  t.deepEqual(addressesOf(spec, aContainer(), HERE), []);
});

const published = (hostIp: string, containerPort = 50051) => ({
  containerPort,
  hostIp,
  hostPort: 32_768 + (containerPort % 1_000),
  protocol: 'tcp' as const,
});

test("a node that is reached by published ports only has no container's own address: it may be somebody else's here", t => {
  const container = aContainer({ publishedPorts: [published('0.0.0.0'), published('10.0.0.9')] });
  t.deepEqual(
    addressesOf(aSpec(), container, ELSEWHERE).map(a => [a.kind, a.host]),
    [
      ['published', '192.0.2.7'],
      ['published', '10.0.0.9'],
    ],
  );
  t.deepEqual(addressesOf(aSpec(), aContainer(), ELSEWHERE), []);
});

test("another machine's loopback is no address, one's own is", t => {
  for (const ip of ['127.0.0.1', '127.0.0.2', '::1']) {
    const container = aContainer({ addresses: [], publishedPorts: [published(ip)] });
    t.deepEqual(addressesOf(aSpec(), container, ELSEWHERE), [], ip);
    t.is(addressesOf(aSpec(), container, { ...ELSEWHERE, address: '127.0.0.1' }).length, 1, ip);
    t.is(addressesOf(aSpec(), container, HERE).length, 1, ip);
  }
});

test('probes go the ways that clients go, and find their own for a service without a port', t => {
  const container = aContainer({ publishedPorts: [published('0.0.0.0'), published('0.0.0.0', 9_001)] });
  const ports = { 50051: 32_819, 9001: 32_769 };
  const hosts = (node: NodeReach, spec = aSpec()) =>
    probeHosts(spec, container, { known: addressesOf(spec, container, node), node });
  t.deepEqual(hosts(HERE), [
    { host: '10.0.0.2', portOf: null },
    { host: '127.0.0.1', portOf: ports },
  ]);
  t.deepEqual(hosts(ELSEWHERE), [{ host: '192.0.2.7', portOf: ports }]);
  const { port: _, ...portless } = aSpec();
  t.deepEqual(hosts(HERE, portless), [{ host: '10.0.0.2', portOf: null }]);
  t.deepEqual(hosts(ELSEWHERE, portless), [{ host: '192.0.2.7', portOf: ports }]);
});
