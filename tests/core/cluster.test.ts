import test from 'ava';
import type { ObservedDevice, ObservedNode } from '../../control-plane/core/observed.ts';
import { Cluster, type PlacementRequest } from '../../control-plane/core/placement/cluster.ts';
import { makeRoom } from '../../control-plane/core/placement/make-room.ts';
import { placeTogether } from '../../control-plane/core/placement/place-together.ts';
import type { ServiceSpec, ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { asking, GIB, gpus, request } from './clusters.ts';
import { aNode } from './replicas.ts';
import { aSpec } from './specs.ts';

type Held = [spec: ServiceSpec, node: string, devices?: readonly string[]];

function clusterWith(nodes: readonly ObservedNode[], ...held: Held[]): Cluster {
  const cluster = new Cluster(nodes, new Map());
  for (const [i, [spec, node, devices]] of held.entries())
    cluster.hold(request(`h${i}`, spec), spec, { node, devices: devices ?? [] });
  return cluster;
}

/** Where one more replica of the spec goes: `node`, `node/devices` or null. */
function place(cluster: Cluster, spec: ServiceSpec): string | null {
  const placement = cluster.find(request('next', spec));
  return placement && [placement.node, ...placement.devices.map(d => d.slice(d.indexOf('=') + 1))].join('/');
}

const id = (n: number) => `nvidia.com/gpu=${n}`;
const gpu = (given: NonNullable<NonNullable<ServiceSpecInput['resources']>['gpu']> = {}, name = 'svc') =>
  aSpec({ name, resources: { gpu: given } });
const share = (gib: number, name = 'svc') => gpu({ exclusive: false, memoryBytes: gib * GIB }, name);
const h100 = (count: number) => gpus(...Array(count).fill({ model: 'H100', memoryBytes: 80 * GIB }));
const on = (devices: readonly ObservedDevice[], given: Partial<ObservedNode> = {}) =>
  aNode({ name: 'a', devices, ...given });

// ---- devices

test('whole devices are given in order, and never twice', t => {
  t.is(place(clusterWith([on(h100(3))], [gpu(), 'a', [id(0)]]), gpu({ count: 2 })), 'a/1/2');
  t.is(place(clusterWith([on(h100(3))], [gpu(), 'a', [id(0)]], [gpu(), 'a', [id(2)]]), gpu({ count: 2 })), null);
});

test('all devices of a node are all: one that is held leaves too few, one in quarantine is not counted', t => {
  t.is(place(clusterWith([on(h100(2))]), gpu({ count: -1 })), 'a/0/1');
  t.is(place(clusterWith([on(h100(2))], [gpu(), 'a', [id(1)]]), gpu({ count: -1 })), null);
  const quarantined = [{ device: '1', since: 0, reason: '' }];
  const records = new Map([['a', { name: 'a', drainingSince: null, quarantined }]]);
  t.is(place(new Cluster([on(h100(2))], records), gpu({ count: -1 })), 'a/0');
});

test('shares of a device go together until its memory is full, on the fullest that has room', t => {
  const held: Held[] = [
    [share(30), 'a', [id(0)]],
    [share(60), 'a', [id(2)]],
  ];
  t.is(place(clusterWith([on(h100(3))], ...held), share(20, 'x')), 'a/2');
  t.is(place(clusterWith([on(h100(3))], ...held), share(21, 'x')), 'a/0');
  t.is(place(clusterWith([on(h100(3))], ...held), share(51, 'x')), 'a/1');
  t.is(place(clusterWith([on(h100(3))], ...held), gpu({}, 'x')), 'a/1', 'whole: only one that nobody shares');
});

test('a share of a device that somebody has whole is nobody else’s', t => {
  t.is(place(clusterWith([on(h100(1))], [gpu({ memoryBytes: GIB }), 'a', [id(0)]]), share(1, 'x')), null);
});

test('the smallest device that does is opened', t => {
  const mixed = [on(gpus({ memoryBytes: 80 * GIB }, { memoryBytes: 24 * GIB }))];
  t.is(place(clusterWith(mixed), share(20)), 'a/1');
  t.is(place(clusterWith(mixed), gpu()), 'a/1');
  t.is(place(clusterWith(mixed), share(25)), 'a/0');
});

test('devices that are asked for by name are those: by index, id, UUID or the end of the CDI name', t => {
  const devices = gpus({ uuid: 'GPU-x' }, { uuid: 'GPU-y' });
  for (const name of ['1', id(1), 'GPU-y']) {
    t.is(place(clusterWith([on(devices)]), gpu({ deviceIds: [name] })), 'a/1', name);
    t.is(place(clusterWith([on(devices)], [gpu(), 'a', [id(1)]]), gpu({ deviceIds: [name] })), null, name);
  }
  t.is(place(clusterWith([on(devices)]), gpu({ deviceIds: ['GPU-y', '0'] })), 'a/0/1');
});

test('a GPU and its slices are never held beside each other', t => {
  const devices = gpus(
    { uuid: 'GPU-x', memoryBytes: 80 * GIB },
    { memoryBytes: 40 * GIB, slice: { of: 'GPU-x', profile: '3g.40gb' } },
    { memoryBytes: 40 * GIB, slice: { of: id(0), profile: '3g.40gb' } },
  );
  t.is(place(clusterWith([on(devices)], [gpu(), 'a', [id(1)]]), gpu({ memoryBytes: 60 * GIB }, 'x')), null);
  t.is(place(clusterWith([on(devices)], [gpu(), 'a', [id(0)]]), gpu({}, 'x')), null);
  t.is(place(clusterWith([on(devices)], [gpu(), 'a', [id(1)]]), gpu({}, 'x')), 'a/2');
  t.is(place(clusterWith([on(devices)]), gpu({ count: 2 })), 'a/1/2', 'slices, where both would do');
});

test('several devices are of one kind; kind, driver and model choose', t => {
  const amd = (n: number): ObservedDevice => ({ id: `amd.com/gpu=${n}`, driver: 'cdi', model: 'MI300X' });
  const nvidia: ObservedDevice = { id: 'GPU-1', driver: 'nvidia', model: 'L4' };
  const cluster = () => clusterWith([on([nvidia, amd(0), amd(1)])]);
  t.is(place(cluster(), gpu({ count: 2 })), 'a/0/1');
  t.is(place(cluster(), gpu({ count: 3 })), null);
  t.is(place(cluster(), gpu({ driver: 'nvidia' })), 'a/GPU-1');
  t.is(place(cluster(), gpu({ driver: 'cdi' })), 'a/0');
  t.is(place(cluster(), gpu({ kind: 'amd.com/gpu', count: 2 })), 'a/0/1');
  t.is(place(cluster(), gpu({ models: ['mi300'] })), 'a/0');
});

test('what vanished is not counted among the devices that are held', t => {
  const vanished: ObservedDevice[] = [{ id: id(7), driver: 'cdi', model: 'H100', memoryBytes: 80 * GIB }];
  const cluster = clusterWith([on(h100(2), { vanished })], [gpu({ count: 2 }), 'a', [id(0), id(1)]]);
  const own = cluster.rejections(request('next', gpu())).find(r => r.device === undefined);
  t.like(own, { free: 0, total: 2 });
  t.regex(own?.message ?? '', /0 of 2 are free, 2 held by ns\/svc, 1 not listed any more/);
});

test('of several kinds that would do, the smaller devices are opened', t => {
  const amd = (n: number): ObservedDevice => ({ id: `amd.com/gpu=${n}`, driver: 'cdi', memoryBytes: 24 * GIB });
  t.is(place(clusterWith([on([...h100(2), amd(4), amd(5)])]), gpu({ count: 2 })), 'a/4/5');
  t.is(place(clusterWith([on([amd(4), amd(5), ...h100(2)])]), gpu({ count: 2 })), 'a/4/5');
});

test('what vanished is given to nobody, and its holder keeps what it holds', t => {
  const node = on(h100(1), { vanished: [{ id: id(7), driver: 'cdi' }], cpus: 1 });
  t.is(place(clusterWith([node]), gpu({ deviceIds: ['7'] })), null);
  const held = aSpec({ name: 'x', resources: { cpus: 1, gpu: {} } });
  t.is(place(clusterWith([node], [held, 'a', [id(7)]]), aSpec({ resources: { cpus: 0.1 } })), null);
});

// ---- nodes

test('a node is full at its CPUs and its memory less what is kept, to the last byte and hundredth', t => {
  const node = aNode({ name: 'a', cpus: 2.5, reservedCpus: 0.5, memoryBytes: 5 * GIB, reservedMemoryBytes: GIB });
  const spec = (cpus: number, memoryBytes: number) => aSpec({ resources: { cpus, memoryBytes } });
  t.is(place(clusterWith([node]), spec(2, 4 * GIB)), 'a');
  t.is(place(clusterWith([node]), spec(2.01, 0)), null);
  t.is(place(clusterWith([node]), spec(0, 4 * GIB + 1)), null);
  const tenths = [1, 2, 3].map((n): Held => [spec(n / 10, 0), 'a']);
  t.true(1 - (0.1 + 0.2 + 0.3) < 0.4);
  t.is(place(clusterWith([aNode({ name: 'a', cpus: 1 })], ...tenths), spec(0.4, 0)), 'a');
  t.is(place(clusterWith([node], [spec(3, 0), 'a']), spec(0, 0)), 'a', 'nothing fits where too much is held');
});

for (const [what, given, record] of [
  ['is silent', { answering: false }, undefined],
  ['is leaving', { leaving: true }, undefined],
  ['is drained', {}, { name: 'a', drainingSince: 0, quarantined: [] }],
] as const) {
  test(`a node that ${what} takes nobody`, t => {
    const records = new Map(record ? [['a', record]] : []);
    t.is(place(new Cluster([aNode({ name: 'a', ...given })], records), aSpec()), null);
  });
}

test('a service spreads over nodes; then the image counts, then how tightly devices are packed, then the name', t => {
  const nodes = [on(h100(2), { name: 'b' }), on(h100(2))];
  t.is(place(clusterWith(nodes), gpu()), 'a/0');
  t.is(place(clusterWith(nodes, [gpu(), 'a', [id(0)]]), gpu()), 'b/0', 'a sibling is on a');
  t.is(place(clusterWith(nodes, [gpu({}, 'x'), 'b', [id(0)]]), gpu()), 'b/1', 'b has fewer devices left');
  const [b, a] = nodes as [ObservedNode, ObservedNode];
  t.is(place(clusterWith([a, { ...b, images: new Set(['image:1']) }]), gpu()), 'b/0', 'b has the image');
  const latest = aSpec({ image: 'other' });
  t.is(place(clusterWith([a, { ...b, images: new Set(['other:latest']) }]), latest), 'b', 'by the tag it stands for');
});

test('replicas without devices leave nodes with free devices to those that need some', t => {
  t.is(place(clusterWith([on(h100(2)), aNode({ name: 'z' })]), aSpec()), 'z');
});

test('spread preferences count before all else, the first one most', t => {
  const node = (name: string, zone: string, rack: string) => aNode({ name, labels: { zone, rack } });
  const nodes = [node('a', 'x', '1'), node('b', 'x', '2'), node('c', 'y', '1'), node('d', 'y', '1')];
  const spec = aSpec({ placement: { spread: ['node.labels.zone', 'node.labels.rack'] } });
  const order: string[] = [];
  const cluster = clusterWith(nodes);
  for (let i = 0; i < 4; i += 1) {
    const placement = cluster.find(request(`r${i}`, spec))!;
    cluster.hold(request(`r${i}`, spec), spec, placement);
    order.push(placement.node);
  }
  t.deepEqual(order, ['a', 'c', 'b', 'd']);
});

for (const [constraint, fits] of [
  ['node.hostname == a', true],
  ['node.hostname != a', false],
  ['node.id==a', true],
  ['node.role == worker', true],
  ['node.role == manager', false],
  ['node.labels.zone == East', true],
  ['node.labels.zone==west', false],
  ['node.labels.zone != west', true],
  ['engine.labels.zone == east', true],
  ['node.labels.gone == x', false],
  ['node.labels.gone != x', true],
  ['node.platform.os == linux', true],
  ['node.platform.os != Linux', false],
  ['Node.Platform.Arch == X86_64', true],
  ['node.platform.arch == aarch64', false],
  ['node.platform.arch != aarch64', true],
  ['node.ip == 10.0.0.1', false],
  ['nonsense', false],
] as const) {
  test(`the constraint "${constraint}" ${fits ? 'holds' : 'does not hold'} on a node a of zone east`, t => {
    const spec = aSpec({ placement: { constraints: [constraint] } });
    const platform = { os: 'linux', architecture: 'x86_64' };
    const node = aNode({ name: 'a', labels: { zone: 'east' }, platform });
    t.is(place(clusterWith([node]), spec), fits ? 'a' : null);
  });
}

test('a fixed host port has one holder on each address and protocol; ports that the engine chooses never clash', t => {
  const ports = (...given: NonNullable<ServiceSpecInput['ports']>) => aSpec({ ports: given });
  const cluster = clusterWith([aNode({ name: 'a' })], [ports({ containerPort: 80, hostPort: 8080 }), 'a']);
  const goes = (hostPort: number, given = {}) => place(cluster, ports({ containerPort: 80, hostPort, ...given }));
  t.is(goes(8080), null);
  t.is(goes(8080, { hostIp: '0.0.0.0' }), null);
  t.is(goes(8080, { hostIp: '127.0.0.2' }), 'a');
  t.is(goes(8080, { protocol: 'udp' }), 'a');
  t.is(goes(8081), 'a');
  t.is(goes(0), 'a');
});

test('at most so many replicas of a service go to one node', t => {
  const spec = aSpec({ placement: { maxPerNode: 1 } });
  t.is(place(clusterWith([aNode({ name: 'a' }), aNode({ name: 'b' })], [spec, 'a']), spec), 'b');
  t.is(place(clusterWith([aNode({ name: 'a' })], [spec, 'a']), spec), null);
});

test('an image that is never pulled goes where it is; where none is known to have it, the engine may know better', t => {
  const spec = aSpec({ pullPolicy: 'never', resources: { cpus: 8 } });
  const nodes = [aNode({ name: 'a' }), aNode({ name: 'b', images: new Set(['image:1']) })];
  t.is(place(clusterWith(nodes), spec), 'b');
  t.is(place(clusterWith(nodes, [spec, 'b']), spec), null, 'it waits for b');
  t.is(place(clusterWith([aNode({ name: 'a' })]), spec), 'a');
});

test('what was released is free again, and a replica that is booked again holds its new place alone', t => {
  const cluster = clusterWith([on(h100(1)), on(h100(1), { name: 'b' })], [gpu(), 'a', [id(0)]]);
  cluster.hold(request('h0', gpu()), gpu(), { node: 'b', devices: [id(0)] });
  t.is(place(cluster, gpu({}, 'x')), 'a/0');
  cluster.release('h0');
  cluster.release('h0');
  t.is(place(cluster, gpu({ deviceIds: ['0'] }, 'x')), 'a/0');
});

// ---- several at once

const verdictsOf = (cluster: Cluster, all: readonly PlacementRequest[]) =>
  Object.fromEntries(
    [...placeTogether(cluster, all)].map(([r, v]) => [r, v.kind === 'placed' ? v.placement.node : null]),
  );

test('what takes more devices is placed first where all have room, whoever is older', t => {
  const cluster = new Cluster([on(h100(2)), on(h100(1), { name: 'b' })], new Map());
  const all = [
    asking('one', { resources: { gpu: {} } }),
    asking('two', { resources: { gpu: { count: 2 } } }, { createdAt: 9 }),
  ];
  t.deepEqual(verdictsOf(cluster, all), { 'one-1': 'b', 'two-1': 'a' });
});

test('where not all have room, it goes by priority, then by age', t => {
  const one = (name: string, priority: number, createdAt: number) =>
    asking(name, { priority, resources: { gpu: { count: name === 'big' ? 2 : 1 } } }, { createdAt });
  const cluster = () => new Cluster([on(h100(2))], new Map());
  t.deepEqual(verdictsOf(cluster(), [one('big', 0, 2), one('old', 0, 1)]), { 'big-1': null, 'old-1': 'a' });
  t.deepEqual(verdictsOf(cluster(), [one('big', 5, 2), one('old', 0, 1)]), { 'big-1': 'a', 'old-1': null });
});

test('one that fits alone only where an older one would go is placed, and the older one elsewhere', t => {
  const nodes = [aNode({ name: 'a', labels: { zone: 'x' }, cpus: 1 }), aNode({ name: 'b', cpus: 1 })];
  const anywhere = asking('anywhere', { resources: { cpus: 1, memoryBytes: GIB } });
  const bound = asking(
    'bound',
    { resources: { cpus: 1 }, placement: { constraints: ['node.labels.zone == x'] } },
    { createdAt: 9 },
  );
  t.deepEqual(verdictsOf(new Cluster(nodes, new Map()), [anywhere, bound]), { 'anywhere-1': 'b', 'bound-1': 'a' });
  const late = asking('late', { resources: { cpus: 1 } }, { createdAt: 99 });
  t.deepEqual(verdictsOf(new Cluster(nodes, new Map()), [late, anywhere, bound]), {
    'late-1': null,
    'anywhere-1': 'b',
    'bound-1': 'a',
  });
});

// ---- making room

function leaver(name: string, cost: number, spec: ServiceSpec, node: string, devices: readonly string[] = []) {
  return { replicaId: name, spec, placement: { node, devices }, cost };
}

function roomFor(input: Partial<ServiceSpecInput>, nodes: readonly ObservedNode[], all: ReturnType<typeof leaver>[]) {
  const cluster = new Cluster(nodes, new Map());
  for (const { replicaId, spec, placement } of all) cluster.hold(request(replicaId, spec), spec, placement);
  const wanted = asking('wanted', { priority: 10, ...input });
  const before = JSON.stringify(cluster.place(wanted));
  const leaving = makeRoom(cluster, wanted, all);
  return { leaving, isAsBefore: JSON.stringify(cluster.place(wanted)) === before };
}

test('the fewest make room, those of them that cost least, and nothing is changed by asking', t => {
  const all = [
    leaver('a1', 0, gpu({}, 'one'), 'a', [id(0)]),
    leaver('a2', 0, gpu({}, 'one'), 'a', [id(1)]),
    leaver('b1', 5, gpu({ count: 2 }, 'two'), 'b', [id(0), id(1)]),
  ];
  const nodes = [on(h100(2)), on(h100(2), { name: 'b' })];
  t.deepEqual(roomFor({ resources: { gpu: { count: 2 } } }, nodes, all), { leaving: ['b1'], isAsBefore: true });
  t.deepEqual(roomFor({ resources: { gpu: {} } }, nodes, all), { leaving: ['a1'], isAsBefore: true });
});

test('nobody leaves where it would not help, nor where there is room', t => {
  const one = leaver('a1', 0, gpu({}, 'one'), 'a', [id(0)]);
  t.is(roomFor({ resources: { gpu: { count: 2 } } }, [on(h100(1))], [one]).leaving, null);
  t.deepEqual(roomFor({ resources: { gpu: {} } }, [on(h100(2))], [one]).leaving, []);
});

test('of those that could leave, only those leave that have to', t => {
  const cpus = (n: number, name: string) => aSpec({ name, resources: { cpus: n } });
  const all = [1, 2, 3, 4].map(n => leaver(`r${n}`, n, cpus(n, `s${n}`), 'a'));
  t.deepEqual(roomFor({ resources: { cpus: 5 } }, [aNode({ name: 'a', cpus: 10 })], all).leaving, ['r1', 'r4']);
});

test('how many ways to make room are looked at does not grow with the nodes, and what is taken suffices', t => {
  // On every node two of the six have to go; on the last one a single one is enough.
  const names = Array.from({ length: 100 }, (_, i) => `n${i}`.padEnd(4, '-'));
  const nodes = names.map(name => aNode({ name, cpus: 6 }));
  const cpus = (n: number) => aSpec({ name: `s${n}`, resources: { cpus: n } });
  const ones = names.flatMap((name, i) =>
    i < 99 ? [0, 1, 2, 3, 4, 5].map(n => leaver(`${name}${n}`, n, cpus(1), name)) : [],
  );
  const all = [...ones, leaver('large', 9, cpus(6), names[99]!)];
  const cluster = new Cluster(nodes, new Map());
  for (const { replicaId, spec, placement } of all) cluster.hold(request(replicaId, spec), spec, placement);
  const wanted = asking('wanted', { priority: 10, resources: { cpus: 2 } });
  const plenty = { left: 10_000 };
  t.deepEqual(makeRoom(cluster, wanted, all, plenty), ['large']);
  t.true(10_000 - plenty.left <= all.length, 'fewer than two were never asked for beyond that');
  t.is(makeRoom(cluster, wanted, ones, { left: 0 })?.length, 2, 'none too many leaves, however little is looked at');
  const some = { left: 600 };
  t.deepEqual(makeRoom(cluster, wanted, ones, some), ['n0--0', 'n0--1']);
  t.true(some.left <= 6, 'all that go alone were tried');
  t.is(cluster.find(wanted), null, 'it is as it was');
});

test('where only some of the ways can be looked at, those leave of equally few that cost least', t => {
  const cpus = (name: string) => aSpec({ name, resources: { cpus: 6 } });
  const all = [
    leaver('dear', 5, cpus('one'), 'a'),
    leaver('cheap', 1, cpus('two'), 'b'),
    leaver('next', 3, cpus('three'), 'c'),
  ];
  const cluster = new Cluster(
    ['a', 'b', 'c'].map(name => aNode({ name, cpus: 6 })),
    new Map(),
  );
  for (const { replicaId, spec, placement } of all) cluster.hold(request(replicaId, spec), spec, placement);
  const wanted = asking('wanted', { priority: 10, resources: { cpus: 6 } });
  t.deepEqual(makeRoom(cluster, wanted, all, { left: 0 }), ['cheap']);
});

test('one of its own that goes makes room where a node may have only so many of a service', t => {
  const placement = { maxPerNode: 1 };
  const own = leaver('own', 0, aSpec({ name: 'wanted', placement }), 'a');
  t.deepEqual(roomFor({ placement }, [aNode({ name: 'a' })], [own]).leaving, ['own']);
  const other = leaver('other', 0, aSpec({ name: 'other', placement }), 'a');
  t.deepEqual(roomFor({ placement }, [aNode({ name: 'a' })], [own, other]).leaving, ['own']);
});

test('sharers are not packed where one of them is to be spread, nor away from their image', t => {
  const zone = (name: string, labels: string, given: Partial<ObservedNode> = {}) =>
    aNode({ name, labels: { zone: labels }, devices: h100(1), ...given });
  const shared = (name: string, given: Partial<ServiceSpecInput>) =>
    asking(name, { resources: { gpu: { exclusive: false, memoryBytes: 20 * GIB } }, ...given });
  const placed = (cluster: Cluster, ...requests: PlacementRequest[]) =>
    [...placeTogether(cluster, requests).values()].map(v => (v.kind === 'placed' ? v.placement.node : null));

  const spread = shared('spread', { placement: { spread: ['node.labels.zone'] } });
  const taken = aSpec({ name: 'spread', resources: { cpus: 8 } });
  const nodes = [zone('a', 'x'), zone('b', 'x'), zone('c', 'y')];
  const cluster = clusterWith(nodes, [taken, 'a'], [share(20, 'other'), 'b', [id(0)]]);
  t.deepEqual(placed(cluster, spread, shared('next', {})), ['c', 'b'], 'its zone has none of it yet');

  const images = new Set(['image:1']);
  const some = clusterWith([zone('a', 'x', { images }), zone('b', 'x')], [share(30, 'other'), 'b', [id(0)]]);
  t.deepEqual(placed(some, shared('one', {}), shared('two', { image: 'image:2' })), ['a', 'b']);
});
