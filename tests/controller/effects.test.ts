import test from 'ava';
import { Effects } from '../../control-plane/controller/effects.ts';
import { type Action, actionKey, containerName, pullAction } from '../../control-plane/core/actions.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { imageKey } from '../../control-plane/core/observed.ts';
import type { Engine } from '../../control-plane/ports.ts';
import { aNode, type GivenNode } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';
import { settle, VirtualClock } from '../fakes/clock.ts';
import { FakeEngine } from '../fakes/engine.ts';

const SPEC = aSpec();
const PULL: Action = pullAction('local', SPEC);
const IMAGE = imageKey(pullAction('local', SPEC));
const NAMED = () => new Set([SPEC.image]);

function create(replicaId = 'r1'): Extract<Action, { kind: 'create' }> {
  const name = containerName('ns/svc', replicaId);
  const placement = { node: 'local', devices: [] };
  return {
    kind: 'create',
    node: 'local',
    replicaId,
    attempt: 1,
    generation: 1,
    containerName: name,
    placement,
    spec: SPEC,
  };
}

function remove(containerId: string, node = 'local'): Action {
  return { kind: 'remove', node, replicaId: 'r1', attempt: 1, containerId };
}

function stop(containerId: string, node = 'local'): Action {
  return { kind: 'stop', node, replicaId: 'r1', attempt: 1, containerId, graceMs: 10_000 };
}

/** Effects on a fake engine whose calls take 10 ms; `settled` tells what ended, and how. */
function onFakes(engines?: (clock: VirtualClock) => Engine) {
  const clock = new VirtualClock();
  const engine = new FakeEngine({ clock, latencyMs: 10, deadlineMs: 1e9 });
  const settled: [string, string | null][] = [];
  let progress = 0;
  const denied: { reason: string | null } = { reason: null };
  const nodes = new Map([['local', engines?.(clock) ?? engine]]);
  const effects = new Effects({
    engines: nodes,
    clock,
    onSettled: (action, error) => void settled.push([action.kind, error?.code ?? null]),
    onProgress: () => {
      progress += 1;
    },
    admit: async () => {
      if (denied.reason !== null) throw new OutriggerError('denied', denied.reason);
    },
  });
  return { clock, engine, nodes, effects, settled, denied, progress: () => progress };
}

const down = () => new OutriggerError('unavailable', 'Docker is down', { next: 'start it' });

test('an effect is under way from the moment it is begun, and settled once the engine has answered', async t => {
  const { clock, engine, effects, settled } = onFakes();
  engine.machine.images.set('image:1', 'sha');
  effects.begin([create()]);
  const firstAt = clock.now();
  t.deepEqual(effects.states.get(actionKey(create())), { kind: 'under_way', firstAt });
  await clock.advance(10);
  const [container] = engine.machine.containers.values();
  t.deepEqual(effects.states.get(actionKey(create())), {
    kind: 'settled',
    at: clock.now(),
    firstAt,
    containerId: container!.id,
  });
  t.deepEqual(settled, [['create', null]]);
});

test('the same effect is not begun a second time while it runs', async t => {
  const { clock, engine, effects } = onFakes();
  effects.begin([stop('c1'), stop('c1')]);
  effects.begin([stop('c1')]);
  await clock.advance(10);
  t.is(engine.calls.length, 1);
  effects.begin([stop('c1')]);
  t.is(engine.calls.length, 2, 'and is once it ended');
});

test('a stop is heard once its node was listed while it was under way, and stays so when the node is silent later', async t => {
  const { clock, engine, effects } = onFakes();
  engine.failNext('stop', { kind: 'hang' });
  effects.begin([stop('c1')]);
  const firstAt = clock.now();
  const answeringSince = firstAt - 5_000;
  const see = (given: GivenNode) => effects.noteHeard(new Map([['local', aNode(given)]]));
  const state = () => effects.states.get('stop c1');
  see({ answeringSince, listedFrom: firstAt });
  t.deepEqual(state(), { kind: 'under_way', firstAt }, 'it may have fallen silent since');
  see({ answeringSince, listedFrom: firstAt + 1, answering: false, silentSince: firstAt });
  t.deepEqual(state(), { kind: 'under_way', firstAt });
  see({ answeringSince, listedFrom: firstAt + 1 });
  const heard = { firstAt, heardAt: firstAt };
  t.deepEqual(state(), { kind: 'under_way', ...heard });
  await clock.advance(70_000);
  t.like(state(), { kind: 'failed', ...heard });
  see({ answeringSince: clock.now(), listedFrom: clock.now() });
  effects.begin([stop('c1')]);
  t.deepEqual(state(), { kind: 'under_way', ...heard });
  await clock.advance(10);
  t.like(state(), { kind: 'settled', ...heard });
});

test('what is under way when a silent node is back is heard from then on', t => {
  const { clock, engine, effects } = onFakes();
  engine.failNext('stop', { kind: 'hang' });
  effects.begin([stop('c1')]);
  const answeringSince = clock.now() + 60_000;
  effects.noteHeard(new Map([['local', aNode({ answeringSince, listedFrom: answeringSince })]]));
  t.like(effects.states.get('stop c1'), { kind: 'under_way', heardAt: answeringSince });
});

for (const [code, isHeard] of [
  ['unavailable', false],
  ['timeout', false],
  ['internal', true],
  ['conflict', true],
] as const)
  test(`a stop that failed as ${code} was ${isHeard ? '' : 'perhaps not '}heard`, async t => {
    const { clock, engine, effects } = onFakes();
    engine.failNext('stop', { kind: 'error', error: new OutriggerError(code, 'no') });
    effects.begin([stop('c1')]);
    const firstAt = clock.now();
    await clock.advance(10);
    effects.noteHeard(new Map([['local', aNode({ answeringSince: 0, listedFrom: clock.now() })]]));
    const state = effects.states.get('stop c1');
    t.like(state, { kind: 'failed', code });
    t.is(state && 'heardAt' in state ? state.heardAt : undefined, isHeard ? firstAt : undefined);
  });

test('that a stop was heard is forgotten with its outcome', async t => {
  const { clock, effects } = onFakes();
  const see = () => effects.noteHeard(new Map([['local', aNode({ listedFrom: clock.now() })]]));
  effects.begin([stop('c1')]);
  await clock.advance(10);
  see();
  t.like(effects.states.get('stop c1'), { kind: 'settled', heardAt: clock.now() - 10 });
  await clock.advance(61_000);
  effects.prune(NAMED);
  effects.begin([stop('c1')]);
  see();
  t.deepEqual(effects.states.get('stop c1'), { kind: 'under_way', firstAt: clock.now() });
});

test('no more than 64 run at once; the others are begun when they are asked for again and there is room', async t => {
  const { clock, engine, effects } = onFakes();
  const actions = Array.from({ length: 70 }, (_, i) => remove(`c${i}`));
  effects.begin(actions);
  t.is(engine.calls.length, 64);
  t.deepEqual(effects.states.get('remove c64'), { kind: 'queued' });
  effects.begin(actions);
  t.is(engine.calls.length, 64);
  await clock.advance(10);
  effects.begin(actions.slice(64));
  t.is(engine.calls.length, 70);
});

test('what is queued and not asked for again is forgotten', t => {
  const { effects } = onFakes();
  effects.begin(Array.from({ length: 65 }, (_, i) => remove(`c${i}`)));
  t.true(effects.states.has('remove c64'));
  effects.prune(NAMED);
  effects.begin([]);
  t.false(effects.states.has('remove c64'));
});

test('stops that take their time keep nothing else waiting, and are bounded', async t => {
  const { clock, engine, effects } = onFakes();
  engine.machine.images.set('image:1', 'sha');
  engine.failNext('stop', ...Array.from({ length: 512 }, () => ({ kind: 'hang' }) as const));
  effects.begin(Array.from({ length: 600 }, (_, i) => stop(`c${i}`)));
  t.is(engine.calls.length, 512);
  t.deepEqual(effects.states.get('stop c512'), { kind: 'queued' });
  effects.begin([create()]);
  await clock.advance(10);
  t.like(effects.states.get(actionKey(create())), { kind: 'settled' });
  const closed = effects.close();
  await clock.advance(1);
  await closed;
});

test('a failure says its code, its words with what to do next, and when to try again: twice as long each time', async t => {
  const { clock, engine, effects, settled } = onFakes();
  const pauses: number[] = [];
  const firstAt = clock.now();
  for (let i = 0; i < 9; i += 1) {
    engine.failNext('stop', { kind: 'error', error: down() });
    effects.begin([stop('c1')]);
    await clock.advance(10);
    const state = effects.states.get('stop c1');
    t.like(state, {
      kind: 'failed',
      code: 'unavailable',
      message: 'Docker is down (start it)',
      at: clock.now(),
      firstAt,
    });
    if (state?.kind === 'failed') pauses.push(state.notBefore - state.at);
  }
  t.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  t.deepEqual(settled.at(-1), ['stop', 'unavailable']);
  effects.begin([stop('c1')]);
  await clock.advance(10);
  engine.failNext('stop', { kind: 'error', error: down() });
  effects.begin([stop('c1')]);
  await clock.advance(10);
  const again = effects.states.get('stop c1');
  t.true(again?.kind === 'failed' && again.notBefore - again.at === 500, 'a success in between begins anew');
});

test('what no engine answers is given up at its deadline by the Clock', async t => {
  for (const [action, method, limitMs] of [
    [create(), 'create', 120_000],
    [stop('c1'), 'stop', 70_000],
    [PULL, 'pull', 6 * 3_600_000],
  ] as const) {
    const { clock, engine, effects } = onFakes();
    engine.failNext(method, { kind: 'hang' });
    effects.begin([action]);
    await clock.advance(limitMs - 1);
    t.like(effects.states.get(actionKey(action)), { kind: 'under_way' }, method);
    await clock.advance(1);
    const state = effects.states.get(actionKey(action));
    t.like(state, { kind: 'failed', code: 'timeout' }, method);
    t.true(state?.kind === 'failed' && state.message.startsWith(`${action.kind} on node local got no answer`));
  }
});

test('an engine that does not heed its signal holds up neither the effect nor the end', async t => {
  const { clock, effects } = onFakes(() => ({ stop: () => new Promise(() => {}) }) as unknown as Engine);
  effects.begin([stop('c1'), stop('c2')]);
  await clock.advance(70_000);
  t.like(effects.states.get('stop c1'), { kind: 'failed', code: 'timeout' });
  effects.begin([stop('c1')]);
  await effects.close();
  t.like(effects.states.get('stop c1'), { kind: 'failed', code: 'unavailable' });
});

test('an engine that throws at once fails the effect and nothing else', async t => {
  const { effects, settled } = onFakes(
    () =>
      ({
        stop: () => {
          throw new TypeError('a defect');
        },
      }) as unknown as Engine,
  );
  effects.begin([stop('c1')]);
  await settle();
  t.like(effects.states.get('stop c1'), { kind: 'failed', code: 'internal', message: 'a defect' });
  t.deepEqual(settled, [['stop', 'internal']]);
});

test('an action for a node that nobody configured fails, and is tried again later', async t => {
  const { clock, nodes, effects, settled } = onFakes();
  effects.begin([stop('c1', 'elsewhere')]);
  await settle();
  t.like(effects.states.get('stop c1'), {
    kind: 'failed',
    code: 'unavailable',
    message: 'node elsewhere is not configured',
  });
  const configured = new FakeEngine({ clock });
  nodes.set('elsewhere', configured);
  effects.begin([stop('c1', 'elsewhere')]);
  await settle();
  t.is(configured.calls.length, 1);
  t.is(settled.length, 2);
});

test('an outcome is remembered for a minute after it', async t => {
  const { clock, effects } = onFakes();
  effects.begin([stop('c1')]);
  await clock.advance(10);
  await clock.advance(60_000);
  effects.prune(NAMED);
  t.true(effects.states.has('stop c1'));
  await clock.advance(1);
  effects.prune(NAMED);
  t.false(effects.states.has('stop c1'));
});

test('a failure is remembered for ten minutes after the time of its next try, so that its pauses go on growing', async t => {
  const { clock, engine, effects } = onFakes();
  const fail = async () => {
    engine.failNext('stop', { kind: 'error', error: down() });
    effects.begin([stop('c1')]);
    await clock.advance(10);
  };
  for (let i = 0; i < 8; i += 1) await fail();
  await clock.advance(625_000);
  effects.prune(NAMED);
  t.like(effects.states.get('stop c1'), { kind: 'failed' });
  await fail();
  const state = effects.states.get('stop c1');
  t.true(state?.kind === 'failed' && state.notBefore - state.at === 30_000);
  await clock.advance(630_001);
  effects.prune(NAMED);
  t.false(effects.states.has('stop c1'));
  await fail();
  const fresh = effects.states.get('stop c1');
  t.true(fresh?.kind === 'failed' && fresh.notBefore - fresh.at === 500);
});

test('what runs is never forgotten', async t => {
  const { clock, engine, effects } = onFakes();
  engine.failNext('pull', { kind: 'hang' });
  effects.begin([PULL]);
  await clock.advance(3_600_000);
  effects.prune(NAMED);
  t.like(effects.states.get(actionKey(PULL)), { kind: 'under_way' });
});

test('what was found of an image is forgotten once nobody names it any more', async t => {
  const { clock, engine, effects } = onFakes();
  engine.machine.remoteImages.set('image:1', { id: 'sha', bytes: 400, durationMs: 400 });
  effects.begin([PULL]);
  await clock.advance(1_000);
  t.like(effects.images.get(IMAGE), { kind: 'present' });
  effects.prune(NAMED);
  t.true(effects.images.has(IMAGE));
  await clock.advance(60_000);
  effects.prune(() => new Set());
  t.false(effects.images.has(IMAGE));
});

test('a pull tells its progress and, at the end, that the image is there', async t => {
  const { clock, engine, effects, progress } = onFakes();
  engine.machine.remoteImages.set('image:1', { id: 'sha', bytes: 400, durationMs: 400 });
  effects.begin([PULL]);
  await clock.advance(250);
  t.like(effects.images.get(IMAGE), { kind: 'pulling', receivedBytes: 200, totalBytes: 400 });
  t.true(progress() >= 3);
  await clock.advance(1_000);
  const state = effects.images.get(IMAGE);
  t.true(state?.kind === 'present' && state.at <= clock.now());
});

test('a pull that fails says so of its image', async t => {
  const { clock, effects } = onFakes();
  effects.begin([PULL]);
  await clock.advance(10);
  t.like(effects.images.get(IMAGE), { kind: 'failed', code: 'image_unavailable', at: clock.now() });
});

test('an image that vanished before a create is known no more, so that the next pull really looks', async t => {
  const { clock, engine, effects } = onFakes();
  engine.machine.remoteImages.set('image:1', { id: 'sha', bytes: 1, durationMs: 0 });
  effects.begin([PULL]);
  await clock.advance(20);
  t.like(effects.images.get(IMAGE), { kind: 'present' });
  engine.failNext('create', { kind: 'error', error: down() });
  effects.begin([create()]);
  await clock.advance(10);
  t.like(effects.images.get(IMAGE), { kind: 'present' }, 'any other failure says nothing of the image');
  engine.machine.images.clear();
  effects.begin([create()]);
  await clock.advance(10);
  t.like(effects.states.get(actionKey(create())), { kind: 'failed', code: 'image_unavailable' });
  t.is(effects.images.get(IMAGE), undefined);
});

test('a container that may not be made any more is not made, whatever was decided before', async t => {
  const { clock, engine, effects, denied } = onFakes();
  engine.machine.images.set('image:1', 'sha');
  denied.reason = 'the path leads elsewhere now';
  effects.begin([create()]);
  await clock.advance(10);
  t.like(effects.states.get(actionKey(create())), { kind: 'failed', code: 'denied', message: denied.reason });
  t.is(engine.calls.length, 0);
});

test('closing aborts what runs and leaves nobody waiting', async t => {
  const { clock, engine, effects, settled } = onFakes();
  engine.failNext('pull', { kind: 'hang' });
  effects.begin([PULL, stop('c1')]);
  await effects.close();
  t.deepEqual(new Set(settled.map(([, code]) => code)), new Set(['unavailable']));
  t.is(clock.waiting, 0);
});

test('a node whose engine hangs keeps no other waiting, however much is asked of it', async t => {
  const clock = new VirtualClock();
  const [hung, well] = ['hung', 'well'].map(node => new FakeEngine({ clock, node, latencyMs: 10, deadlineMs: 1e9 }));
  const settled: string[] = [];
  const effects = new Effects({
    engines: new Map([hung!, well!].map(e => [e.node, e])),
    clock,
    onSettled: action => void settled.push(action.node),
    onProgress: () => {},
    admit: async () => {},
  });
  const ids = Array.from({ length: 200 }, (_, i) => `c${i}`);
  hung!.failNext('remove', ...ids.map(() => ({ kind: 'hang' }) as const));
  effects.begin([...ids.map(id => remove(id, 'hung')), remove('c', 'well')]);
  await clock.advance(20);
  t.deepEqual(settled, ['well']);
  t.true(hung!.calls.length < ids.length, 'and what is begun there is bounded');
  const closed = effects.close();
  await clock.advance(1);
  await closed;
});
