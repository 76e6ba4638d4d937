import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { actionKey, pullAction } from '../../control-plane/core/actions.ts';
import { transition } from '../../control-plane/core/lifecycle/transition.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import {
  type EffectState,
  type ImageState,
  imageKey,
  type ObservedDevice,
  type ObservedNode,
} from '../../control-plane/core/observed.ts';
import type { Leaver } from '../../control-plane/core/placement/make-room.ts';
import { heldPlacement, newcomerOf, type Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { ServiceSpec, ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { clusterIn, requestOf } from '../../control-plane/core/waiting/cluster-in.ts';
import {
  endOfWait,
  ensureImage,
  makeRoomWithImage,
  reasonOf,
  waitForAbsent,
  waitOf,
} from '../../control-plane/core/waiting/image-first.ts';
import { World } from '../../control-plane/core/world.ts';
import { aNode, aReplica, phaseOf, seen } from './replicas.ts';
import { aSpec } from './specs.ts';

const KEY = 'ns/svc' as const;
const ACCEPTED = 500;
/** When the newcomer began to wait. */
const WAITS_SINCE = 600;
const NOW = 100_000;
const REFUSED = { kind: 'failed', code: 'image_unavailable', message: 'no such image' } as const;
const NEXT = aSpec({ image: 'image:2', restart: { startAttempts: 3 } });
const WAITING = aReplica(phaseOf('pending', WAITS_SINCE), { id: 'r2', generation: 2, attempt: 0 });
const OLD = aReplica(phaseOf('ready', 100), { id: 'r1' });
const NODES = [aNode({ name: 'a' }), aNode({ name: 'b' })];

interface Given {
  readonly spec?: ServiceSpec;
  readonly service?: Partial<Service>;
  readonly replicas?: readonly Replica[];
  readonly nodes?: readonly ObservedNode[];
  readonly images?: Readonly<Record<string, ImageState>>;
  /** What became of the pull, by node. */
  readonly pulls?: Readonly<Record<string, EffectState>>;
}

/** A service that is updated from `image:1` to its spec, and what is known of that one's image, by node. */
function worldOf({
  spec = NEXT,
  service,
  replicas = [OLD, WAITING],
  nodes = NODES,
  images = {},
  pulls = {},
}: Given = {}) {
  const updated: Service = {
    key: KEY,
    spec,
    generation: 2,
    imageId: null,
    latestGeneration: 2,
    replicas: 1,
    acceptedAt: ACCEPTED,
    removal: null,
    origin: 'test',
    createdBy: '',
    askedBy: '',
    rollout: { kind: 'progressing', since: ACCEPTED, previous: 1 },
    ...service,
  };
  const generations = [
    { service: KEY, generation: 1, spec: aSpec() },
    { service: KEY, generation: 2, spec },
  ];
  const keyed = <T>(of: Readonly<Record<string, T>>, keyOf: (pull: ReturnType<typeof pullAction>) => string) =>
    Object.fromEntries(Object.entries(of).map(([node, state]) => [keyOf(pullAction(node, spec)), state]));
  return new World(
    DesiredState.from({ services: [updated], replicas, nodes: [], generations }),
    seen({ nodes, images: keyed(images, imageKey), effects: keyed(pulls, actionKey) }),
    { now: NOW, policy: DEFAULT_NODE_POLICY },
  );
}

const onA = (given: Given) => {
  const world = worldOf(given);
  return {
    isAwaited: ensureImage(world, WAITING, { node: 'a', by: ['r1'] }) === 'awaited',
    wait: waitOf(world, WAITING),
  };
};
const listing = (...images: string[]) => [aNode({ name: 'a', images: new Set(images) })];
const updateTo = (given: Partial<ServiceSpecInput>) => aSpec({ image: 'image:2', ...given });

// ---- whether an image is there

const THERE: Readonly<Record<string, Given>> = {
  'the node lists it': { nodes: listing('image:2') },
  'it was pulled': { images: { a: { kind: 'present', at: 10 } } },
  'it is always pulled, and was since the update was asked for': {
    spec: updateTo({ pullPolicy: 'always' }),
    images: { a: { kind: 'present', at: ACCEPTED } },
  },
  'it is always pulled, and was since it waits, without an update': {
    spec: updateTo({ pullPolicy: 'always' }),
    service: { rollout: { kind: 'settled' } },
    images: { a: { kind: 'present', at: WAITS_SINCE } },
  },
};
for (const [words, given] of Object.entries(THERE))
  test(`nobody waits for an image where ${words}`, t => {
    t.deepEqual(onA(given), { isAwaited: false, wait: undefined });
  });

const NOT_THERE: Readonly<Record<string, Given>> = {
  'the node lists another one': { nodes: listing('image:1') },
  'it is being pulled': { images: { a: { kind: 'pulling', receivedBytes: 1, totalBytes: 2 } } },
  'it is another node that has it': { images: { b: { kind: 'present', at: 700 } } },
  'it may be there for another platform': {
    spec: updateTo({ platform: 'linux/arm64' }),
    nodes: listing('image:2'),
  },
  'it is always pulled, and was before the update only': {
    spec: updateTo({ pullPolicy: 'always' }),
    nodes: listing('image:2'),
    images: { a: { kind: 'present', at: ACCEPTED - 1 } },
  },
  'it is always pulled, and was before it waits, without an update': {
    spec: updateTo({ pullPolicy: 'always' }),
    service: { rollout: { kind: 'settled' } },
    images: { a: { kind: 'present', at: WAITS_SINCE - 1 } },
  },
  'it was refused before anybody waited for it': { images: { a: { ...REFUSED, at: WAITS_SINCE - 1 } } },
  'the registry did not answer': { images: { a: { ...REFUSED, code: 'unavailable', at: 700 } } },
};
for (const [words, given] of Object.entries(NOT_THERE))
  test(`an image is pulled at once, and waited for, where ${words}`, t => {
    const { isAwaited, wait } = onA(given);
    t.true(isAwaited);
    t.like(wait, { node: 'a', by: ['r1'], generation: 2, refusal: null, notBefore: 0 });
  });

test('an image that was refused is waited for, with what was said, and pulled again after a while', t => {
  const { isAwaited, wait } = onA({ images: { a: { ...REFUSED, at: 700 } } });
  t.true(isAwaited);
  t.like(wait, { refusal: 'no such image', notBefore: 60_700 });
  t.deepEqual(reasonOf(wait!), {
    kind: 'image_first',
    image: 'image:2',
    node: 'a',
    by: ['r1'],
    refusal: 'no such image',
  });
});

test('a listing does not stand against what was found since: that an image is not there', t => {
  const nodes = [aNode({ name: 'a', images: new Set(['image:2']), listedFrom: 650 })];
  t.true(onA({ spec: updateTo({ pullPolicy: 'never' }), nodes, images: { a: { ...REFUSED, at: 700 } } }).isAwaited);
});

test('what is not made yet waits by its service, and for its own generation alone', t => {
  const world = worldOf({ replicas: [OLD] });
  const newcomer = newcomerOf({ key: KEY, generation: 2 }, 0, { kind: 'asked', now: NOW });
  t.is(ensureImage(world, newcomer, { node: 'a', by: ['r1'] }), 'awaited');
  t.is(waitOf(world, WAITING)?.node, 'a');
  t.is(waitOf(world, OLD), undefined);
});

// ---- who makes room

const GPUS: readonly ObservedDevice[] = [0, 1].map(i => ({ id: `nvidia.com/gpu=${i}`, driver: 'cdi' }));

/** Who leaves for one that needs all GPUs of a node, so many, where those that may leave have one each of theirs. */
function leaving(count: number, places: Readonly<Record<string, string>>, given: Given): readonly string[] | null {
  const devices = GPUS.slice(0, count);
  const byNode = Map.groupBy(Object.keys(places), id => places[id]!);
  const spec = aSpec({ resources: { gpu: { count: 1 } } });
  const leavers = Object.entries(places).map(([replicaId, node], cost): Leaver => {
    const device = devices[byNode.get(node)!.indexOf(replicaId)]!;
    return { replicaId, spec, placement: { node, devices: [device.id] }, cost };
  });
  const replicas = leavers.map(({ replicaId, placement }) =>
    aReplica(phaseOf('ready', 100, { placement }), { id: replicaId }),
  );
  const nodes = [...byNode.keys()].map(name => aNode({ name, devices }));
  const all = updateTo({ resources: { gpu: { count } } });
  const world = worldOf({ ...given, spec: all, nodes, replicas: [...replicas, WAITING] });
  const request = requestOf(world, WAITING);
  return makeRoomWithImage(world, clusterIn(world), { ...request, ...WAITING }, { leavers });
}

const PRESENT = { kind: 'present', at: 700 } as const;
const REFUSED_SINCE = { ...REFUSED, at: 700 };
const TROUBLED = { ...REFUSED_SINCE, code: 'timeout' } as const;

test('of equally few those leave where the image is', t => {
  t.deepEqual(leaving(1, { x: 'a', y: 'b' }, {}), ['x']);
  t.deepEqual(leaving(1, { x: 'a', y: 'b' }, { images: { b: PRESENT } }), ['y']);
});

test('no more leave than elsewhere, though the image is there', t => {
  t.deepEqual(leaving(2, { x: 'a', y: 'b', z: 'b' }, { images: { b: PRESENT } }), ['x']);
  t.deepEqual(leaving(2, { y: 'b', z: 'b' }, { images: { b: PRESENT } }), ['y', 'z']);
});

for (const [words, state] of Object.entries({ 'is refused the image': REFUSED_SINCE, 'has trouble with it': TROUBLED }))
  test(`a node that ${words} is the last choice`, t => {
    t.deepEqual(leaving(1, { x: 'a', y: 'b' }, { images: { a: state } }), ['y']);
    t.deepEqual(leaving(1, { x: 'a' }, { images: { a: state } }), ['x']);
  });

test('what was pulled since a node was listed is there for whoever is placed next', t => {
  const placed = (at: number) => {
    const nodes = ['a', 'b'].map(name => aNode({ name, listedFrom: 650 }));
    const world = worldOf({ nodes, images: { b: { kind: 'present', at } } });
    return clusterIn(world).find(requestOf(world, WAITING))?.node;
  };
  t.is(placed(700), 'b');
  t.is(placed(600), 'a', 'its listing says that it is gone');
});

// ---- an image that cannot be had

const failedPull = (at: number): EffectState => ({
  ...REFUSED,
  at,
  firstAt: 1_000,
  notBefore: at,
});
/** The end of a wait that was refused, with the pull refused from 1 s until then. */
function endAt(at: number, given: Given = {}) {
  const world = worldOf({ images: { a: { ...REFUSED, at } }, pulls: { a: failedPull(at) }, ...given });
  ensureImage(world, WAITING, { node: 'a', by: ['r1'] });
  return endOfWait(world, WAITING, waitOf(world, WAITING)!);
}

test('an update fails by its image as it would with a place: after as long as its starts would take', t => {
  t.is(endAt(2_000), null);
  t.deepEqual(endAt(60_000), { kind: 'image', message: 'on node a: no such image', logTail: [] });
  const once = aSpec({ image: 'image:2', restart: { startAttempts: 1 } });
  t.like(endAt(2_000, { spec: once, nodes: [NODES[0]!] }), { message: 'no such image' });
});

const ENDLESS: Readonly<Record<string, Given>> = {
  'its starts are not counted': { spec: updateTo({ restart: { startAttempts: null } }) },
  'the update is paused': {
    service: { rollout: { kind: 'paused', cause: { kind: 'image', message: '', logTail: [] }, previous: 1 } },
  },
  'nobody judges it, and the old one serves': {
    spec: updateTo({ restart: { startAttempts: 3 }, update: { onFailure: 'continue' } }),
  },
  'it is of an older generation': { service: { generation: 3 } },
  'the registry does not answer': { images: { a: { ...TROUBLED, at: 60_000 } } },
};
for (const [words, given] of Object.entries(ENDLESS))
  test(`an image is asked for again and again where ${words}`, t => {
    t.is(endAt(60_000, given), null);
  });

// ---- an image that is never pulled, and is nowhere

const NEVER = updateTo({ pullPolicy: 'never', restart: { startAttempts: 1 } });
/** What one without a place waits for, by what its nodes are known to lack. */
function absenceOf({ nodes = NODES, ...given }: Given) {
  const world = worldOf({ spec: NEVER, nodes: nodes.map(n => ({ ...n, listedFrom: 650 })), ...given });
  return waitForAbsent(world, WAITING, clusterIn(world).rejections(requestOf(world, WAITING)));
}
const absent = (at: number): ImageState => ({ ...REFUSED, at });

test('an image that is never pulled and is nowhere is asked for on each node anew, and then waited for no longer', t => {
  t.like(absenceOf({ images: { a: absent(WAITS_SINCE - 1), b: absent(700) } }), {
    node: 'a',
    refusal: null,
    notBefore: 0,
  });
  t.like(absenceOf({ images: { a: absent(700), b: absent(WAITS_SINCE - 1) } }), { node: 'b', refusal: null });
  const images = { a: absent(700), b: absent(700) };
  const world = worldOf({ spec: NEVER, images });
  t.like(endOfWait(world, WAITING, absenceOf({ images })!), { kind: 'image', message: 'on node a: no such image' });
});

test('a node that would not suit it is not asked for its image', t => {
  const labelled = updateTo({ pullPolicy: 'never', placement: { constraints: ['node.labels.zone == east'] } });
  const nodes = [aNode({ name: 'a', labels: { zone: 'east' } }), aNode({ name: 'b' })];
  t.like(absenceOf({ spec: labelled, nodes, images: { a: absent(700) } }), { node: 'a', refusal: 'no such image' });
});

const NOT_ABSENT: Readonly<Record<string, Given>> = {
  'a node may have it': { images: { a: absent(700) } },
  'a node has it and no room': {
    spec: updateTo({ pullPolicy: 'never', resources: { cpus: 99 } }),
    nodes: [aNode({ name: 'a' }), aNode({ name: 'b', images: new Set(['image:2']) })],
    images: { a: absent(700) },
  },
  'it can be pulled': {
    spec: updateTo({ restart: { startAttempts: 1 } }),
    images: { a: absent(700), b: absent(700) },
  },
  'nobody draws conclusions from it': {
    service: { rollout: { kind: 'settled' } },
    images: { a: absent(700), b: absent(700) },
  },
};
for (const [words, given] of Object.entries(NOT_ABSENT))
  test(`one without a place waits for no absent image where ${words}`, t => {
    t.is(absenceOf(given), undefined);
  });

test('what nobody judges fails by its image where nobody serves meanwhile', t => {
  const spec = updateTo({ restart: { startAttempts: 3 }, update: { onFailure: 'continue' } });
  t.is(endAt(60_000, { spec, replicas: [WAITING] })?.kind, 'image');
});

test('what was refused its image without a place leaves nothing to end', t => {
  const cause = { kind: 'image' as const, message: 'no such image', logTail: [] };
  const failed = transition(WAITING, { kind: 'unobtainable', node: 'a', cause }, NOW);
  t.like(failed, { failures: 1, phase: { kind: 'failed', cause, isPlaceless: true } });
  t.is(heldPlacement(failed), null);
  t.deepEqual(transition(failed, { kind: 'drain', reason: 'replaced' }, NOW).phase, {
    kind: 'stopped',
    since: NOW,
    reason: 'replaced',
  });
});
