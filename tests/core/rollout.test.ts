import test from 'ava';
import { scaleService } from '../../control-plane/controller/commands.ts';
import type { PendingReason } from '../../control-plane/core/pending-reason.ts';
import type { PhaseKind, Replica } from '../../control-plane/core/replica.ts';
import type { Leeway } from '../../control-plane/core/rollout/leeway.ts';
import { rolloutStep } from '../../control-plane/core/rollout/rollout.ts';
import { isKnownToWork, type Rollout, type Service } from '../../control-plane/core/service.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { ModelWorld } from './model-world.ts';
import { aReplica, CAUSE, lack, phaseOf } from './replicas.ts';
import { apply, aSpec, exactly } from './specs.ts';

/** A service of generation 2 in the midst of an update. */
function aService(replicas: number, update: ServiceSpecInput['update'] = {}, given: Partial<Service> = {}): Service {
  return {
    key: 'ns/svc',
    spec: aSpec({ replicas: exactly(replicas), update }),
    imageId: null,
    generation: 2,
    latestGeneration: 2,
    replicas,
    acceptedAt: 0,
    createdBy: '',
    askedBy: '',
    removal: null,
    origin: '',
    rollout: { kind: 'progressing', since: 0, previous: 1 },
    ...given,
  };
}

/** All nodes answer and take replicas; what waits for room waits for that which others of its service take. */
const CALM: Leeway = {
  isGivenUp: () => false,
  isMoving: () => false,
  isOnTrial: () => false,
  claimRoom: () => 'claimed',
  mayFitSoon: () => false,
  roomFrom: (_, old) => (old.length > 0 ? { kind: 'made', by: old.slice(0, 1) } : { kind: 'none' }),
  roomBesideIdle: () => ({ kind: 'none' }),
  memoryHolders: () => [],
};

const stepOf = (service: Service, replicas: readonly Replica[], leeway: Leeway = CALM) =>
  rolloutStep(service, replicas, leeway);

let count = 0;
function replica(kind: PhaseKind, generation: number, given: Partial<Replica> = {}, phase = {}): Replica {
  count += 1;
  return aReplica(phaseOf(kind, 0, phase), { id: `r${count.toString().padStart(7, '0')}`, generation, ...given });
}
const many = (n: number, kind: PhaseKind, generation: number) =>
  Array.from({ length: n }, () => replica(kind, generation));

test('a generation is known to work once it has settled, and the one before an update until then', t => {
  const known = (rollout: Rollout, generation: number) =>
    [1, 2, 3].filter(asked => isKnownToWork(aService(1, {}, { rollout, generation }), asked));
  t.deepEqual(known({ kind: 'settled' }, 2), [2]);
  t.deepEqual(known({ kind: 'progressing', since: 0, previous: null }, 1), []);
  t.deepEqual(known({ kind: 'progressing', since: 0, previous: 1 }, 2), [1]);
  t.deepEqual(known({ kind: 'paused', cause: CAUSE, previous: 2 }, 3), [2]);
  t.deepEqual(known({ kind: 'rolled_back', failed: 3, to: 2, cause: CAUSE }, 2), [2]);
});

test('an update is settled only once nothing that leaves is left', t => {
  const current = many(2, 'ready', 2);
  t.true(stepOf(aService(2), current).settled);
  t.false(stepOf(aService(2), [...current, replica('draining', 2)]).settled);
  t.false(stepOf(aService(2), [...current, replica('stopping', 1)]).settled);
  t.false(stepOf(aService(2), [...current, replica('ready', 1)]).settled);
  t.false(stepOf(aService(2), [current[0]!, replica('starting', 2)]).settled);
  t.false(stepOf(aService(2), [current[0]!, replica('ready', 2, {}, { impaired: true })]).settled);
  t.false(stepOf(aService(3), current).settled);
});

test('what is in reach never leaves for what is lost, and what is lost leaves once enough serve without it', t => {
  const drained = (target: number, replicas: Replica[]) =>
    stepOf(aService(target), replicas).drain.map(d => d.replica.phase.kind);
  t.deepEqual(drained(3, [...many(2, 'lost', 2), ...many(2, 'ready', 2), replica('starting', 2)]), ['lost']);
  t.deepEqual(drained(2, [...many(2, 'lost', 2), ...many(2, 'starting', 2)]), []);
  t.deepEqual(drained(2, [...many(2, 'lost', 2), ...many(2, 'ready', 2)]), ['lost', 'lost']);
  t.deepEqual(drained(1, [...many(1, 'lost', 2), ...many(2, 'ready', 2)]), ['ready', 'lost']);
  t.deepEqual(drained(0, [...many(1, 'lost', 2), ...many(1, 'starting', 2)]), ['starting', 'lost']);
});

test('start-first starts as many as may surge, and drains nobody while all are needed', t => {
  const step = stepOf(aService(3, { maxSurge: 2 }), many(3, 'ready', 1));
  t.is(step.create, 2);
  t.deepEqual(step.drain, []);
});

test('start-first drains one old replica for each new one that serves', t => {
  const replicas = [...many(3, 'ready', 1), replica('ready', 2)];
  const step = stepOf(aService(3), replicas);
  t.is(step.drain.length, 1);
  t.is(step.drain[0]?.replica.generation, 1);
  t.is(step.drain[0]?.reason, 'replaced');
  t.is(step.create, 0, 'the old one is still there');
});

test('what leaves still counts: no more than wanted plus surge, whatever phase they are in', t => {
  for (const leaving of ['draining', 'stopping'] as const) {
    t.is(stepOf(aService(2), [replica('ready', 1), replica(leaving, 1), replica('ready', 2)]).create, 0, leaving);
    t.is(stepOf(aService(2), [replica('ready', 1), replica(leaving, 1)]).create, 1, leaving);
  }
});

test('stop-first begins with a drain, and starts no new replica before an old one has left', t => {
  const update = { order: 'stop-first' as const, maxSurge: 2 };
  const begun = stepOf(aService(2, update), many(2, 'ready', 1));
  t.is(begun.create, 0);
  t.is(begun.drain.length, 1);
  for (const leaving of ['draining', 'stopping'] as const)
    t.is(stepOf(aService(2, update), [replica('ready', 1), replica(leaving, 1)]).create, 0, leaving);
  t.is(stepOf(aService(2, update), [replica('ready', 1)]).create, 1);
});

test('max_unavailable says how many may be missing during an update', t => {
  const step = stepOf(aService(4, { maxSurge: 0, maxUnavailable: 2 }), many(4, 'ready', 1));
  t.is(step.drain.length, 2);
});

test('old replicas that cannot serve give way at once', t => {
  const idle = [replica('backoff', 1), replica('starting', 1), replica('warming', 1), replica('failed', 1)];
  const step = stepOf(aService(5), [...idle, replica('ready', 1)]);
  t.deepEqual(new Set(step.drain.map(d => d.replica.id)), new Set(idle.map(r => r.id)));
});

const impaired = () => replica('ready', 1, {}, { impaired: true });

/** Impaired, lost and found again, each of which served before. */
function inDoubt(): Replica[] {
  const hasServed = true;
  return [replica('lost', 1, { hasServed }), replica('starting', 1, { hasServed }), impaired()];
}

test('old replicas that served and may serve again leave like those that do, and before them', t => {
  const serving = replica('ready', 1);
  const goneAfter = (count: number) =>
    stepOf(aService(4), [...inDoubt(), serving, ...many(count, 'ready', 2)]).drain.map(d => d.replica.phase.kind);
  t.deepEqual(goneAfter(0), []);
  t.is(goneAfter(1).length, 1);
  t.deepEqual(goneAfter(3).sort(), ['lost', 'ready', 'starting']);
  t.is(goneAfter(4).length, 4);
});

test('an old replica whose node was given up is not waited for', t => {
  const lost = inDoubt()[0]!;
  const step = stepOf(aService(1), [lost], { ...CALM, isGivenUp: () => true });
  t.deepEqual(
    step.drain.map(d => d.replica.id),
    [lost.id],
  );
});

test('stop-first goes on also where nothing old serves', t => {
  const step = stepOf(aService(2, { order: 'stop-first' }), [impaired(), impaired()]);
  t.is(step.drain.length, 1);
});

test('scaling down takes first what is furthest from serving, then the youngest', t => {
  const elder = replica('ready', 2, { createdAt: 1 });
  const younger = replica('ready', 2, { createdAt: 2 });
  const line = [
    replica('failed', 2),
    replica('backoff', 2),
    replica('creating', 2),
    replica('starting', 2),
    replica('warming', 2),
    replica('ready', 2, {}, { impaired: true }),
    younger,
    elder,
  ];
  for (let wanted = 0; wanted < line.length; wanted += 1) {
    const { drain } = stepOf(aService(wanted), [...line].reverse());
    t.deepEqual(
      drain.map(d => d.replica.id),
      line.slice(0, line.length - wanted).map(r => r.id),
      `down to ${wanted}`,
    );
    t.true(drain.every(d => d.reason === 'scaled_down'));
  }
});

test('replicas of one age leave in an order that does not depend on the order of asking', t => {
  const replicas = many(4, 'ready', 2);
  const leaves = (list: readonly Replica[]) => stepOf(aService(2), list).drain.map(d => d.replica.id);
  t.deepEqual(leaves(replicas), leaves([...replicas].reverse()));
});

test('what waits to take the place of replicas that move is neither too many nor made twice', t => {
  const moving = many(2, 'ready', 2);
  const waiting = replica('pending', 2);
  const isMoving = (r: Replica) => moving.includes(r);
  const settled = { rollout: { kind: 'settled' } } as const;
  const step = (target: number, replicas: readonly Replica[]) =>
    stepOf(aService(target, {}, settled), replicas, { ...CALM, isMoving, claimRoom: () => 'none' });
  t.like(step(2, moving), { create: 1, drain: [] });
  t.like(step(2, [...moving, waiting]), { create: 0, drain: [] });
  const [first, ...others] = step(1, [...moving, waiting]).drain;
  t.true(moving.includes(first!.replica), 'of those, one is too many once fewer are wanted');
  t.deepEqual(others, []);
});

test('what moves and does not serve yet leaves once its replacement has a place, and not while that waits for one', t => {
  const moving = replica('starting', 2);
  const given = { ...CALM, isMoving: (r: Replica) => r === moving };
  const drained = (next: PhaseKind) =>
    stepOf(aService(1), [moving, replica(next, 2)], given).drain.map(d => [d.replica.id, d.reason]);
  t.deepEqual(drained('pending'), []);
  t.deepEqual(drained('pulling'), [[moving.id, 'moved']]);
});

test('where an old replica can be spared, one that moves can not be spared as well', t => {
  const moving = replica('ready', 2);
  const old = replica('ready', 1);
  const given = { ...CALM, isMoving: (r: Replica) => r === moving };
  const leavers = (replicas: readonly Replica[]) => stepOf(aService(2), replicas, given).drain.map(d => d.replica.id);
  t.deepEqual(leavers([moving, replica('ready', 2), old]), [old.id]);
  t.deepEqual(leavers([moving, replica('ready', 2), replica('ready', 2), old]).sort(), [moving.id, old.id].sort());
});

test('for one that waits only for the number of its siblings nobody leaves to make room', t => {
  const old = many(2, 'ready', 1);
  const leavers = (reasons: readonly PendingReason[]) =>
    stepOf(aService(2), [...old, replica('pending', 2, {}, { reasons })]).drain.length;
  t.is(leavers([{ kind: 'surge', service: 'ns/svc' }, lack(4, 'local')]), 0);
  t.is(leavers([lack(4, 'local')]), 1);
});

test('a paused update starts and replaces nobody, and still scales down', t => {
  const paused = { rollout: { kind: 'paused', previous: null, cause: CAUSE } } as const;
  const step = stepOf(aService(2, {}, paused), [...many(2, 'ready', 1), replica('failed', 2)]);
  t.deepEqual(step, { create: 0, drain: [], settled: false });
  t.is(stepOf(aService(1, {}, paused), many(2, 'ready', 2)).drain.length, 1);
});

test('a service on its way out drains everybody who is not leaving yet, and starts nobody', t => {
  const removal = { askedAt: 1, volumes: false };
  const step = stepOf(aService(3, {}, { removal }), [
    replica('ready', 2),
    replica('failed', 1),
    replica('draining', 2),
    replica('stopping', 2, {}, { afterwards: { kind: 'retried', cause: CAUSE } }),
  ]);
  t.is(step.create, 0);
  t.deepEqual(
    step.drain.map(d => [d.replica.phase.kind, d.reason]),
    [
      ['ready', 'deleted'],
      ['failed', 'deleted'],
      ['stopping', 'deleted'],
    ],
  );
});

// ---- whole updates on the model

for (const order of ['start-first', 'stop-first'] as const) {
  for (const [maxSurge, maxUnavailable] of [
    [1, 0],
    [2, 1],
    [0, 2],
  ] as const) {
    test(`an update ${order} with surge ${maxSurge} and ${maxUnavailable} unavailable keeps within both`, t => {
      const world = new ModelWorld();
      const spec = { replicas: exactly(4), update: { order, maxSurge, maxUnavailable } };
      apply(world, aSpec(spec));
      world.settle();
      apply(world, aSpec({ ...spec, image: 'image:2' }));
      const most = 4 + (order === 'stop-first' ? 0 : maxSurge);
      const least = 4 - Math.max(maxUnavailable, order === 'stop-first' || maxSurge === 0 ? 1 : 0);
      for (let i = 0; i < 200; i += 1) {
        const plan = world.step();
        t.true(world.containers.size <= most, `step ${i}: ${world.containers.size} containers`);
        t.true(plan.endpoints.length >= least, `step ${i}: ${plan.endpoints.length} endpoints`);
      }
      t.deepEqual(new Set(world.running().map(c => c.image)), new Set(['image:2']));
      t.is(world.running().length, 4);
      t.is(world.state.services.get('ns/svc')?.rollout.kind, 'settled');
    });
  }
}

test('a service scaled in the midst of an update comes to the new number in the new generation', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: { min: 1, max: 6, initial: 3 } }));
  world.settle();
  apply(world, aSpec({ replicas: { min: 1, max: 6, initial: 3 }, image: 'image:2' }));
  world.step();
  world.step();
  world.commit(scaleService(world.state, { namespace: 'ns', name: 'svc' }, 5, world.now).changes);
  world.settle();
  t.deepEqual(
    world.running().map(c => c.image),
    Array.from({ length: 5 }, () => 'image:2'),
  );
});

test('while what took the place of an old replica does not serve, no further one leaves for room, whatever is amiss with it', t => {
  const lacking = () => replica('pending', 2, {}, { reasons: [{ kind: 'other_lacks', count: 1 }] });
  const leaving = (first: Replica, isOtherImpaired: boolean) => {
    const other = replica('ready', 1, {}, { impaired: isOtherImpaired });
    return stepOf(aService(2), [other, first, lacking()]).drain.length;
  };
  const serves = replica('ready', 2);
  const others = [
    ...(['pulling', 'creating', 'starting', 'warming', 'backoff', 'lost', 'failed'] as const).map(k => replica(k, 2)),
    replica('stopping', 2, {}, { afterwards: { kind: 'retried', cause: CAUSE } }),
    replica('ready', 2, {}, { impaired: true }),
  ];
  for (const impaired of [false, true]) {
    t.is(leaving(serves, impaired), 1);
    for (const other of others) t.is(leaving(other, impaired), 0, other.phase.kind);
  }
});

test('beside one in doubt that could make no room, one that serves leaves for it only once the one before it serves', t => {
  const [serves, inDoubt] = [false, true].map(impaired => replica('ready', 1, {}, { impaired }));
  const lacking = replica('pending', 2, {}, { reasons: [lack(4, 'local')] });
  const leaving = (first: Replica) =>
    stepOf(aService(2, { maxSurge: 2, maxUnavailable: 1 }), [serves!, inDoubt!, first, lacking], {
      ...CALM,
      roomFrom: (_, old) => (old.includes(serves!) ? { kind: 'made', by: [serves!] } : { kind: 'none' }),
    }).drain.map(d => d.replica);
  t.deepEqual(leaving(replica('ready', 2)), [serves!]);
  t.deepEqual(leaving(replica('starting', 2)), []);
});

test('nobody leaves for room while one that has to move is about to serve where it is', t => {
  const lacking = replica('pending', 2, {}, { reasons: [lack(4, 'local')] });
  const leaving = (moving: Replica) =>
    stepOf(aService(3), [...many(2, 'ready', 1), moving, lacking], { ...CALM, isMoving: r => r === moving }).drain
      .length;
  t.is(leaving(replica('ready', 2)), 1);
  t.is(leaving(replica('starting', 2)), 0);
  t.is(leaving(replica('ready', 2, {}, { impaired: true })), 0);
});

test('nobody leaves for the room of a second one before the first has taken the room that there is', t => {
  const [first, second] = [0, 1].map(() => replica('pending', 2, {}, { reasons: [lack(4, 'local')] }));
  const leaving = (isFree: boolean) =>
    stepOf(aService(2, { maxSurge: 2 }), [...many(2, 'ready', 1), first!, second!], {
      ...CALM,
      roomFrom: (newcomer, old) =>
        isFree && newcomer.id === first!.id ? { kind: 'free' } : CALM.roomFrom(newcomer, old),
    }).drain.length;
  t.is(leaving(false), 1);
  t.is(leaving(true), 0);
});

test('for memory that a new replica with a place waits for, an old one leaves where nobody is missing, nor may be at once', t => {
  const [one, other] = many(2, 'ready', 1) as [Replica, Replica];
  const made = replica('creating', 2);
  const leeway: Leeway = { ...CALM, memoryHolders: (placed, old) => (placed.includes(made) ? old.slice(0, 1) : []) };
  const drained = (replicas: Replica[], given: Partial<Leeway> = {}) =>
    stepOf(aService(2, { maxSurge: 2 }), replicas, { ...leeway, ...given }).drain.map(d => d.replica.id);
  t.is(drained([one, other, made]).length, 1);
  t.deepEqual(drained([one, made]), [], 'one is missing');
  t.deepEqual(drained([one, made, replica('draining', 1)]), [], 'one is on its way out');
  const ready = replica('ready', 2);
  t.is(drained([one, ready, made]).length, 1);
  t.deepEqual(drained([one, ready, made], { isOnTrial: r => r === ready }), []);
  const inDoubt = replica('ready', 1, {}, { impaired: true });
  t.deepEqual(drained([inDoubt, made, replica('starting', 2)]), [inDoubt.id], 'one in doubt leaves all the same');
});

test('idle ones of others leave with as many of its own as they make room with, or with one where they make all of it', t => {
  const update = { order: 'stop-first' as const };
  const old = many(2, 'ready', 1);
  const step = (by: readonly Replica[], replicas: readonly Replica[] = old, given: Partial<Leeway> = {}) =>
    stepOf(aService(2, update), replicas, {
      ...CALM,
      roomFrom: () => ({ kind: 'none' }),
      roomBesideIdle: () => ({ kind: 'made_beside', by, idle: ['low'] }),
      ...given,
    });
  const ofOwn = step([old[1]!]);
  t.deepEqual(ofOwn.displacing, { own: [old[1]!], idle: ['low'] });
  t.deepEqual(ofOwn.drain, [{ replica: old[1]!, reason: 'replaced' }]);
  const ofOthers = step([]);
  t.is(ofOthers.drain.length, 1);
  t.deepEqual(ofOthers.displacing?.own, [ofOthers.drain[0]!.replica]);
  // Nobody else's leave while one of its own is on its way.
  for (const other of [replica('starting', 2), replica('draining', 1), replica('ready', 2, {}, { impaired: true })])
    t.like(step([old[0]!], [old[0]!, other]), { drain: [] });
  t.is(step([old[0]!], old, { mayFitSoon: () => true }).displacing, undefined, 'a silent node is waited for');
  t.is(step([old[0]!], old, { roomBesideIdle: () => ({ kind: 'awaits_image', by: old }) }).drain.length, 0);
});

test('without surge one at a time leaves an emptied node with idle ones of others, where no successor has room', t => {
  const moving = many(2, 'ready', 2);
  const settled = { rollout: { kind: 'settled' } } as const;
  const leeway: Leeway = {
    ...CALM,
    isMoving: r => moving.includes(r),
    roomBesideIdle: () => ({ kind: 'made_beside', by: [], idle: ['low'] }),
  };
  const step = (claimRoom: Leeway['claimRoom'], replicas: readonly Replica[] = moving) =>
    stepOf(aService(2, { maxSurge: 0, maxUnavailable: 2 }, settled), replicas, { ...leeway, claimRoom });
  const none = step(() => 'none');
  t.is(none.drain.length, 1);
  t.deepEqual(none.displacing, { own: [none.drain[0]!.replica], idle: ['low'] });
  let asked = 0;
  const once = step(() => (asked++ === 0 ? 'claimed' : 'none'));
  t.like(once, { displacing: undefined });
  t.is(once.drain.length, 1);
  t.like(
    step(() => 'awaits_image'),
    { displacing: undefined, drain: [], create: 1 },
  );
  t.like(
    step(() => 'none', [moving[0]!, replica('draining', 2)]),
    { displacing: undefined },
  );
});
