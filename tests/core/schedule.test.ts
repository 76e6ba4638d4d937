import test from 'ava';
import { chooseDevices } from '../../control-plane/core/devices.ts';
import type { ObservedDevice, ObservedNode } from '../../control-plane/core/observed.ts';
import { emptyHoldings, type Holdings, schedule, take } from '../../control-plane/core/schedule.ts';
import type { GpuRequest, ServiceSpec, ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { aNode } from './replicas.ts';
import { aSpec } from './specs.ts';

const GIB = 2 ** 30;

function gpus(...devices: Partial<ObservedDevice>[]): ObservedDevice[] {
  return devices.map((device, i) => ({ id: `nvidia.com/gpu=${i}`, driver: 'cdi', ...device }));
}

function request(given: Partial<GpuRequest> = {}): GpuRequest {
  return { ...(aSpec({ resources: { gpu: {} } }).resources.gpu as GpuRequest), ...given };
}

const id = (...indexes: number[]) => indexes.map(i => `nvidia.com/gpu=${i}`);

function placed(spec: ServiceSpec, nodes: readonly ObservedNode[], holdings = new Map<string, Holdings>()) {
  const verdict = schedule(spec, nodes, holdings);
  return verdict.kind === 'placed' ? verdict.placement : verdict.reasons.join('\n');
}

/** Holdings of one node after these placements. */
function held(node: string, ...specs: [ServiceSpec, string[]?][]): Map<string, Holdings> {
  const holdings = emptyHoldings();
  for (const [spec, devices] of specs) take(holdings, spec, { node, devices: devices ?? [] });
  return new Map([[node, holdings]]);
}

// ---- devices

test('devices are given in order, and never twice', t => {
  const devices = gpus({}, {}, {});
  t.deepEqual(chooseDevices(request({ count: 2 }), devices, new Set(id(0))), { kind: 'chosen', devices: id(1, 2) });
  t.like(chooseDevices(request({ count: 2 }), devices, new Set(id(0, 2))), { kind: 'short' });
  t.deepEqual(chooseDevices(undefined, devices, new Set(id(0, 1, 2))), { kind: 'chosen', devices: [] });
});

test('all devices of a node are all: one that is held leaves too few', t => {
  const devices = gpus({}, {});
  t.deepEqual(chooseDevices(request({ count: -1 }), devices, new Set()), { kind: 'chosen', devices: id(0, 1) });
  t.like(chooseDevices(request({ count: -1 }), devices, new Set(id(1))), { kind: 'short' });
  t.like(chooseDevices(request({ count: -1 }), [], new Set()), { kind: 'short' });
});

test('a device that is asked for by its id is given by full id or by its last part', t => {
  const devices = gpus({}, {});
  for (const deviceIds of [['1'], id(1)])
    t.deepEqual(chooseDevices(request({ deviceIds }), devices, new Set()), { kind: 'chosen', devices: id(1) });
});

test('a device that is asked for by its id and held by another is not given again', t => {
  const verdict = chooseDevices(request({ deviceIds: ['1'] }), gpus({}, {}), new Set(id(1)));
  t.deepEqual(verdict, { kind: 'short', reason: 'device nvidia.com/gpu=1 is held by another replica' });
});

test('a device id that the node does not have is answered with those it has', t => {
  const verdict = chooseDevices(request({ deviceIds: ['7'] }), gpus({}, {}), new Set());
  t.true(verdict.kind === 'short' && /device 7 does not exist.*gpu=0, nvidia.com\/gpu=1/.test(verdict.reason));
});

test('memory that is asked for is a least, model a part of the name, driver exact', t => {
  const devices = gpus(
    { memoryBytes: 24 * GIB, model: 'NVIDIA L4' },
    { memoryBytes: 80 * GIB, model: 'NVIDIA H100 80GB', driver: 'nvidia' },
    {},
  );
  const chosen = (given: Partial<GpuRequest>) => chooseDevices(request(given), devices, new Set());
  t.deepEqual(chosen({ memoryBytes: 40 * GIB }), { kind: 'chosen', devices: id(1) });
  t.deepEqual(chosen({ memoryBytes: 24 * GIB, count: 2 }), { kind: 'chosen', devices: id(0, 1) });
  t.like(chosen({ memoryBytes: 81 * GIB }), { kind: 'short' });
  t.deepEqual(chosen({ models: ['A100', 'h100'] }), { kind: 'chosen', devices: id(1) });
  t.deepEqual(chosen({ driver: 'nvidia' }), { kind: 'chosen', devices: id(1) });
  const short = chosen({ models: ['H100'], count: 2 });
  t.true(short.kind === 'short' && short.reason.includes('2 GPUs of model H100: 3 on the node, 1 fitting, 0 of those'));
});

// ---- nodes

test('a node is full at its CPUs and its memory, to the last byte and core', t => {
  const node = aNode({ cpus: 2, memoryBytes: 4 * GIB });
  const spec = (cpus: number, memoryBytes: number) => aSpec({ resources: { cpus, memoryBytes } });
  t.deepEqual(placed(spec(2, 4 * GIB), [node]), { node: 'local', devices: [] });
  t.regex(placed(spec(2.01, 0), [node]) as string, /local: needs 2.01 CPUs, 2 of 2 are free/);
  t.regex(placed(spec(0, 4 * GIB + 1), [node]) as string, /needs 4096 MiB of memory, 4096 MiB of 4096 MiB are free/);
  const holdings = held('local', [spec(1.5, 3 * GIB)]);
  t.deepEqual(placed(spec(0.5, GIB), [node], holdings), { node: 'local', devices: [] });
  t.regex(placed(spec(0.6, 0), [node], holdings) as string, /0.5 of 2 are free/);
  t.regex(placed(spec(0, GIB + 1), [node], holdings) as string, /1024 MiB of 4096 MiB are free/);
});

test('tenths of a core add up, though their sums as floating numbers do not', t => {
  const tenths = (n: number) => aSpec({ resources: { cpus: n / 10 } });
  const holdings = held('local', [tenths(1)], [tenths(2)], [tenths(3)]);
  t.true(1 - (0.1 + 0.2 + 0.3) < 0.4);
  t.deepEqual(placed(tenths(4), [aNode({ cpus: 1 })], holdings), { node: 'local', devices: [] });
});

test('a node that does not answer takes nobody, and says why', t => {
  const away = aNode({ answering: false, error: 'connection refused' });
  t.is(placed(aSpec(), [away]), 'local: does not answer: connection refused');
  t.is(placed(aSpec(), []), 'no node is known yet');
});

test('a service spreads over nodes; GPU work goes where the fewest devices are left; then the name decides', t => {
  const nodes = [aNode({ name: 'b', devices: gpus({}, {}) }), aNode({ name: 'a', devices: gpus({}, {}) })];
  t.like(placed(aSpec(), nodes), { node: 'a' });
  t.like(placed(aSpec(), nodes, held('a', [aSpec()])), { node: 'b' }, 'a sibling is on a');
  t.like(placed(aSpec(), nodes, held('b', [aSpec({ name: 'other' }), id(0)])), { node: 'b' }, 'b has fewer left');
  t.like(placed(aSpec(), nodes, held('b', [aSpec(), id(0)])), { node: 'a' }, 'spreading counts more');
});

for (const [constraint, fits] of [
  ['node.hostname == local', true],
  ['node.hostname != local', false],
  ['node.labels.zone == east', true],
  ['node.labels.zone==west', false],
  ['node.labels.zone != west', true],
  ['node.labels.gone == x', false],
  ['node.labels.gone != x', true],
  ['node.role == manager', false],
] as const) {
  test(`the constraint "${constraint}" ${fits ? 'holds' : 'does not hold'} on a node local of zone east`, t => {
    const spec = aSpec({ placement: { constraints: [constraint] } });
    const verdict = placed(spec, [aNode({ labels: { zone: 'east' } })]);
    if (fits) t.like(verdict, { node: 'local' });
    else t.is(verdict, `local: does not meet the constraint "${constraint}"`);
  });
}

test('of several constraints each must hold', t => {
  const constraints = ['node.labels.zone == east', 'node.labels.rack == 2'];
  const spec = aSpec({ placement: { constraints } });
  t.is(typeof placed(spec, [aNode({ labels: { zone: 'east', rack: '1' } })]), 'string');
  t.like(placed(spec, [aNode({ labels: { zone: 'east', rack: '2' } })]), { node: 'local' });
});

test('a fixed host port has one holder on each address and protocol; ports that the engine chooses never clash', t => {
  const ports = (...given: NonNullable<ServiceSpecInput['ports']>) => aSpec({ ports: given });
  const holdings = held('local', [ports({ containerPort: 80, hostPort: 8080 })]);
  const clash = /host port 8080 is taken/;
  const on = (hostPort: number, given = {}) =>
    placed(ports({ containerPort: 80, hostPort, ...given }), [aNode()], holdings);
  t.regex(on(8080) as string, clash);
  t.regex(on(8080, { hostIp: '0.0.0.0' }) as string, clash);
  t.like(on(8080, { hostIp: '127.0.0.2' }), { node: 'local' });
  t.like(on(8080, { protocol: 'udp' }), { node: 'local' });
  t.like(on(8081), { node: 'local' });
  const chosen = ports({ containerPort: 80, hostPort: 0 });
  t.like(placed(chosen, [aNode()], held('local', [chosen])), { node: 'local' });
});
