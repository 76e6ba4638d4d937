import test from 'ava';
import { createAction } from '../../control-plane/core/actions.ts';
import { type TurnStage, turnStage } from '../../control-plane/core/nodes/turn-stage.ts';
import type { EffectState, ObservedContainer } from '../../control-plane/core/observed.ts';
import type { Phase } from '../../control-plane/core/replica.ts';
import { aContainer, aNode, aReplica, type GivenNode, PLACED, phaseOf, seen } from './replicas.ts';
import { aSpec } from './specs.ts';

const SINCE = 1_000;
const MINUTE_MS = 60_000;
/** Of a startup probe that the file says nothing of. */
const STARTUP_MS = 10 * MINUTE_MS;
const PATIENCE_MS = 150_000;

function stageOf(
  phase: Phase,
  now: number,
  given: {
    readonly container?: Partial<ObservedContainer>;
    readonly effect?: readonly [string, EffectState];
    readonly node?: GivenNode;
  } = {},
): TurnStage {
  const containers = [aContainer(given.container)];
  const nodes = [aNode({ containers, listedFrom: now, answeringSince: 0, ...given.node })];
  const observed = seen({ nodes, effects: given.effect ? Object.fromEntries([given.effect]) : {} });
  return turnStage(aReplica(phase), aSpec(), { observed, containersOf: () => containers, now });
}

const failed = (at: number, firstAt: number): Extract<EffectState, { kind: 'failed' }> => ({
  kind: 'failed',
  at,
  firstAt,
  code: 'internal',
  message: '',
  notBefore: at + 30_000,
});

// ---- starts

test('a start is waited for from when its container was started, also once the call is forgotten', t => {
  const starting = phaseOf('starting', SINCE);
  // It was created long before somebody could start it.
  const startedAt = SINCE + 60 * MINUTE_MS;
  const until = startedAt + STARTUP_MS + PATIENCE_MS;
  const after = (ms: number, effect?: readonly [string, EffectState]) =>
    stageOf(starting, startedAt + ms, { container: { startedAt }, ...(effect && { effect }) });
  t.deepEqual(after(5_000, ['start c1', { kind: 'settled', at: startedAt }]), { kind: 'starting', until });
  t.deepEqual(after(5 * MINUTE_MS), { kind: 'starting', until });
  t.deepEqual(after(STARTUP_MS + PATIENCE_MS - 1), { kind: 'starting', until });
  t.deepEqual(after(STARTUP_MS + PATIENCE_MS), { kind: 'at_rest' });
});

test('a clock of an engine that is ahead keeps nobody waiting for longer', t => {
  const starting = phaseOf('starting', SINCE);
  const startedAt = SINCE + 24 * 60 * MINUTE_MS;
  const until = SINCE + STARTUP_MS + PATIENCE_MS;
  t.deepEqual(stageOf(starting, until - 1, { container: { startedAt } }), { kind: 'starting', until });
  t.deepEqual(stageOf(starting, until, { container: { startedAt } }), { kind: 'at_rest' });
});

test('what was found on a node that was lost is waited for from then on', t => {
  const startedAt = SINCE - 60 * MINUTE_MS;
  const until = SINCE + STARTUP_MS + PATIENCE_MS;
  t.deepEqual(stageOf(phaseOf('starting', SINCE), SINCE + 1, { container: { startedAt } }), {
    kind: 'starting',
    until,
  });
});

test('what was created has the turn that its create had until it is started', t => {
  const starting = phaseOf('starting', SINCE);
  const create = (effect: EffectState) => {
    const { kind, replicaId, attempt } = createAction(aReplica(starting), PLACED, aSpec());
    return stageOf(starting, SINCE + 5, {
      container: { state: 'created' },
      effect: [`${kind} ${replicaId} ${attempt}`, effect],
    });
  };
  t.like(create({ kind: 'settled', at: SINCE, containerId: 'c1' }), { kind: 'starting' });
  t.like(create({ kind: 'queued' }), { kind: 'to_start' });
});

// ---- stops

test('a stop that nobody has told the container is yet to come, however long ago it was decided', t => {
  const now = SINCE + 60 * MINUTE_MS;
  const toStop = { kind: 'to_stop', since: SINCE } as const;
  t.deepEqual(stageOf(phaseOf('stopping', SINCE), now), toStop);
  t.deepEqual(stageOf(phaseOf('stopping', SINCE), now, { effect: ['stop c1', { kind: 'queued' }] }), toStop);
});

test('a stop is waited for from its first try, and not longer for being tried again', t => {
  const firstAt = SINCE + 60 * MINUTE_MS;
  const until = firstAt + PATIENCE_MS;
  const tries = [
    (_: number): EffectState => ({ kind: 'under_way', firstAt }),
    (now: number): EffectState => ({ kind: 'settled', at: now, firstAt }),
    (now: number): EffectState => failed(now, firstAt),
  ];
  for (const stop of tries) {
    const at = (now: number) => stageOf(phaseOf('stopping', SINCE), now, { effect: ['stop c1', stop(now)] });
    t.deepEqual(at(firstAt), { kind: 'stopping', until });
    t.deepEqual(at(until - 1), { kind: 'stopping', until });
    t.deepEqual(at(until), { kind: 'at_rest' });
  }
});

test('a node that was silent has heard nothing of what it was told, but what it may be answering now', t => {
  const answeringSince = SINCE + 60 * MINUTE_MS;
  const now = answeringSince + 5;
  const stop = (effect: EffectState, node: GivenNode = {}) =>
    stageOf(phaseOf('stopping', SINCE), now, { effect: ['stop c1', effect], node: { answeringSince, ...node } });
  t.deepEqual(stop(failed(answeringSince - 1, SINCE)), { kind: 'to_stop', since: SINCE });
  const stopping = { kind: 'stopping', until: answeringSince + PATIENCE_MS } as const;
  t.deepEqual(stop(failed(answeringSince, SINCE)), stopping);
  t.deepEqual(stop({ kind: 'under_way', firstAt: SINCE }), stopping);
  const silent = { answering: false, answeringSince: 0, silentSince: SINCE };
  t.deepEqual(stop({ kind: 'under_way', firstAt: SINCE }, silent), { kind: 'stopping', until: now + PATIENCE_MS });
});

test('a stop that its node has heard is waited for from then, however often that is silent later', t => {
  const heardAt = SINCE + 60 * MINUTE_MS;
  const until = heardAt + PATIENCE_MS;
  const answeringSince = until - 10_000;
  const at = (now: number, effect: EffectState) =>
    stageOf(phaseOf('stopping', SINCE), now, { effect: ['stop c1', effect], node: { answeringSince } });
  const tries: EffectState[] = [
    { ...failed(heardAt + MINUTE_MS, SINCE), heardAt },
    { kind: 'under_way', firstAt: SINCE, heardAt },
  ];
  for (const stop of tries) {
    t.deepEqual(at(until - 1, stop), { kind: 'stopping', until });
    t.deepEqual(at(until, stop), { kind: 'at_rest' });
  }
});

test('what does not run is not waited for', t => {
  const now = SINCE + 5;
  for (const state of ['created', 'exited'] as const)
    t.deepEqual(stageOf(phaseOf('stopping', SINCE), now, { container: { state } }), { kind: 'at_rest' });
});
