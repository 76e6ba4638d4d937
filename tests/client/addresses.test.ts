import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { controlAddress, formatControlAddress, parseControlAddress } from '../../client/control-address.ts';
import { parseReach, reachable, type Standpoint } from '../../client/reach.ts';
import { parseServiceRef } from '../../client/service-ref.ts';
import type { Endpoint, EndpointAddress } from '../../client/snapshot.ts';
import { stateFolder } from '../../control-plane/state-folder.ts';

for (const environment of [
  {},
  { OUTRIGGER_STATE: '/var/lib/outrigger' },
  { OUTRIGGER_STATE: 'relative/folder' },
  { XDG_STATE_HOME: '/home/somebody/state' },
  { OUTRIGGER_STATE: '/a', XDG_STATE_HOME: '/b' },
]) {
  test(`the default socket is where the control plane makes it: ${JSON.stringify(environment)}`, t => {
    t.deepEqual(controlAddress(environment), { kind: 'unix', path: stateFolder(environment).socket });
  });
}

const address = test.macro({
  exec: (t, text: string, expected: string) => t.is(formatControlAddress(parseControlAddress(text)), expected),
  title: (_, text) => `address ${text}`,
});
test(address, 'unix:///run/control.sock', 'unix:///run/control.sock');
test(address, 'unix:/run/control.sock', 'unix:///run/control.sock');
test(address, '/run/control.sock', 'unix:///run/control.sock');
test(address, '127.0.0.1:7470', 'http://127.0.0.1:7470');
test(address, 'control-plane', 'http://control-plane:7470');
test(address, 'http://control-plane:80', 'http://control-plane:80');
test(address, 'https://control.example', 'https://control.example:7470');
test(address, 'https://control.example:443', 'https://control.example:443');
test(address, 'https://control.example:443/', 'https://control.example:443');
test(address, 'https://control.example:80', 'https://control.example:80');
test(address, 'http://control-plane:443', 'http://control-plane:443');
test(address, 'control-plane:80', 'http://control-plane:80');
test(address, 'control-plane:0080', 'http://control-plane:80');
test(address, '[::1]:80', 'http://[::1]:80');
test(address, '[fe::80]', 'http://[fe::80]:7470');
test(address, 'HTTPS://control.example:7471/', 'https://control.example:7471');
test(address, '/run/a b.sock', 'unix:///run/a b.sock');
test(address, '[::1]:9000', 'http://[::1]:9000');

for (const text of [
  'ftp://a:1',
  'http://a:1/path',
  'http://a:1/?x',
  'http://a:1#x',
  'http://me@a:1',
  'http://:secret@a:1',
  'a b',
  'a:0',
  'host:99999',
  '::1',
  'http://',
  'unix:relative',
  'unix://relative',
]) {
  test(`no address: ${text}`, t => {
    t.throws(() => parseControlAddress(text), { message: /is not an address of a control plane\. Expected unix:/ });
  });
}

test('OUTRIGGER_ADDRESS goes before the default, a chosen one before both', t => {
  const environment = { OUTRIGGER_ADDRESS: 'http://a:1', OUTRIGGER_STATE: mkdtempSync(path.join(tmpdir(), 'state-')) };
  t.is(formatControlAddress(controlAddress(environment)), 'http://a:1');
  t.is(formatControlAddress(controlAddress(environment, 'b:2')), 'http://b:2');
});

test('a service is named with its namespace, or finds it in the environment', t => {
  t.deepEqual(parseServiceRef('shop/embedder', {}), { namespace: 'shop', service: 'embedder' });
  t.deepEqual(parseServiceRef('embedder', { OUTRIGGER_NAMESPACE: 'a', COMPOSE_PROJECT_NAME: 'b' }).namespace, 'a');
  t.deepEqual(parseServiceRef('embedder', { COMPOSE_PROJECT_NAME: 'b' }).namespace, 'b');
  t.throws(() => parseServiceRef('embedder', {}), { message: /"my-project\/embedder", or set OUTRIGGER_NAMESPACE/ });
});

const network = (name: string, host: string): EndpointAddress => ({ kind: 'network', network: name, host, port: 1 });
const published = (host: string): EndpointAddress => ({ kind: 'published', host, port: 2 });
const onHost: Standpoint = {
  isLocal: host => host.startsWith('172.18.'),
  besideEngine: true,
  sharesLoopback: true,
  inContainer: false,
};
const elsewhere: Standpoint = { ...onHost, besideEngine: false, sharesLoopback: false };
const inContainer: Standpoint = { ...onHost, besideEngine: false, sharesLoopback: false, inContainer: true };

const reach = test.macro({
  exec: (t, addresses: EndpointAddress[], from: Standpoint, expected: string[], wish?: string) => {
    const endpoint = { addresses } as unknown as Endpoint;
    t.deepEqual(
      reachable(endpoint, parseReach(wish), from).map(a => a.host),
      expected,
    );
  },
  title: (name = '') => `reach: ${name}`,
});
const both = [network('shop_default', '172.18.0.2'), published('127.0.0.1')];
test("on the engine's host the container itself, then its port", reach, both, onHost, ['172.18.0.2', '127.0.0.1']);
test('in a network that is not shared, the port', reach, [network('x', '10.9.0.2'), published('127.0.0.1')], onHost, [
  '127.0.0.1',
]);
test('in a container of the same network, the container, never its own loopback', reach, both, inContainer, [
  '172.18.0.2',
]);
test(
  'on another machine the port, though the addresses look alike',
  reach,
  [network('x', '172.18.0.2'), published('192.0.2.7')],
  elsewhere,
  ['192.0.2.7'],
);
test('where nothing speaks for any, all are tried', reach, both, elsewhere, ['127.0.0.1', '172.18.0.2']);
test('published, as told', reach, both, onHost, ['127.0.0.1'], 'published');
test('network, as told', reach, both, elsewhere, ['172.18.0.2'], 'network');
test(
  'a network by name, as told',
  reach,
  [...both, network('back', '10.1.0.2')],
  elsewhere,
  ['10.1.0.2'],
  'network:back',
);
test('none of the kind that was asked for', reach, both, onHost, [], 'network:back');

test('a way to reach that does not exist is refused', t => {
  t.throws(() => parseReach('direct'), { message: /"direct" is not a way to reach endpoints\. Expected network/ });
});
