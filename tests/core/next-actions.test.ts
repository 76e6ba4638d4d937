import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { createKey, removeKey } from '../../control-plane/core/actions.ts';
import { actionsFor, orphanActions } from '../../control-plane/core/lifecycle/next-actions.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import type { EffectState, ObservedContainer, ObservedNode } from '../../control-plane/core/observed.ts';
import type { Phase, Replica } from '../../control-plane/core/replica.ts';
import { placeWaiting } from '../../control-plane/core/waiting/place-waiting.ts';
import { World } from '../../control-plane/core/world.ts';
import { aContainer, aNode, aReplica, phaseOf, seen } from './replicas.ts';
import { aSpec } from './specs.ts';

const EXITED: Partial<ObservedContainer> = {
  state: 'exited',
  exit: { code: 1, oomKilled: false, error: '', logTail: [] },
};

function worldOf(
  replicas: readonly Replica[],
  nodes: readonly ObservedNode[],
  effects: Record<string, EffectState> = {},
): World {
  const generations = [{ service: 'ns/svc' as const, generation: 1, spec: aSpec() }];
  const state = DesiredState.from({ services: [], replicas, nodes: [], generations });
  return new World(state, seen({ nodes, effects }), { now: 2_000_000, policy: DEFAULT_NODE_POLICY });
}

/** What is done for a replica in the phase, `local` being its node if it has one, and the container being on the node. */
function done(phase: Phase, node: Partial<ObservedNode>, container: Partial<ObservedContainer> = {}) {
  const replica = aReplica(phase);
  const nodes = [aNode(), aNode({ name: 'other', ...node, containers: [aContainer(container)] })];
  return actionsFor(worldOf([replica], nodes), replica).map(a => [a.kind, a.node]);
}

test('while a replica waits for its next attempt, what it has on its node stays and what is elsewhere is ended', t => {
  const waiting = phaseOf('backoff', 1_000_000);
  t.deepEqual(done(waiting, {}), [['stop', 'other']]);
  t.deepEqual(done(waiting, {}, EXITED), [['remove', 'other']]);
  const own = aReplica(waiting);
  t.deepEqual(actionsFor(worldOf([own], [aNode({ containers: [aContainer(EXITED)] })]), own), []);
});

test('a container that was left before it was started is removed before the next one has its image', t => {
  const pulling = aReplica(phaseOf('pulling', 1_000_000));
  const own = (container: Partial<ObservedContainer>) =>
    actionsFor(worldOf([pulling], [aNode({ containers: [aContainer(container)] })]), pulling).map(a => a.kind);
  t.deepEqual(own({ state: 'created' }), ['remove', 'pull']);
  t.deepEqual(own({}), ['stop', 'pull']);
  t.deepEqual(own(EXITED), ['pull'], 'it stays for its logs');
});

test('what ended stays for its logs while its replica waits for a place, but on no node that leaves', t => {
  const pending = phaseOf('pending', 1_000_000);
  t.deepEqual(done(pending, {}, EXITED), []);
  t.deepEqual(done(pending, { leaving: true }, EXITED), [['remove', 'other']]);
  t.deepEqual(done(pending, {}), [['stop', 'other']]);
});

test('what gave up leaves its container for its logs, but runs no more and stays on no node that leaves', t => {
  const failed = aReplica(phaseOf('failed', 1_000_000));
  const own = (node: Partial<ObservedNode>, container: Partial<ObservedContainer>) =>
    actionsFor(worldOf([failed], [aNode({ ...node, containers: [aContainer(container)] })]), failed).map(a => a.kind);
  t.deepEqual(own({}, EXITED), []);
  t.deepEqual(own({}, {}), ['stop'], 'somebody started it by hand');
  t.deepEqual(own({ leaving: true }, EXITED), ['remove']);
});

test('what is on its way out is not removed while it is being made, as its engine may not know it yet', t => {
  const stopping = aReplica(phaseOf('stopping', 1_000_000, { container: null }));
  const ending = (container: Partial<ObservedContainer>, create?: EffectState) => {
    const effects: Record<string, EffectState> = create ? { [createKey(stopping)]: create } : {};
    return actionsFor(worldOf([stopping], [aNode({ containers: [aContainer(container)] })], effects), stopping);
  };
  const kinds = (...given: Parameters<typeof ending>) => ending(...given).map(a => a.kind);
  t.deepEqual(kinds({ state: 'created' }, { kind: 'under_way' }), []);
  t.deepEqual(kinds({ state: 'created' }, { kind: 'settled', at: 1_000_001 }), ['remove']);
  t.deepEqual(kinds({ state: 'created' }), ['remove']);
  t.deepEqual(kinds({ state: 'created', attempt: 7 }, { kind: 'under_way' }), ['remove'], 'it is of another attempt');
  t.deepEqual(kinds({ state: 'running' }, { kind: 'under_way' }), ['stop']);
});

test('what was removed and is listed later all the same is removed again, whether its replica is there or not', t => {
  const removed: Record<string, EffectState> = { [removeKey('c1')]: { kind: 'settled', at: 1_000_005 } };
  const node = (listedFrom: number) => aNode({ listedFrom, containers: [aContainer({ state: 'created' })] });
  const stopping = aReplica(phaseOf('stopping', 1_000_000, { container: null }));
  const ofReplica = (from: number) => actionsFor(worldOf([stopping], [node(from)], removed), stopping).map(a => a.kind);
  const ofNobody = (from: number) => orphanActions(worldOf([], [node(from)], removed)).map(a => a.kind);
  for (const actions of [ofReplica, ofNobody]) {
    t.deepEqual(actions(1_000_005), [], 'the listing may be older than the removal');
    t.deepEqual(actions(1_000_006), ['remove']);
  }
});

test('a node where a replica of another node runs takes nobody before that has ended', t => {
  const elsewhere = aReplica(phaseOf('ready', 1_000_000));
  const waiting = aReplica(phaseOf('pending', 1_000_000), { id: 'r0000002' });
  const place = (state: ObservedContainer['state']) => {
    const containers = [aContainer({ state })];
    const world = worldOf([elsewhere, waiting], [aNode({ answering: false }), aNode({ name: 'other', containers })]);
    placeWaiting(world);
    return world.replicas.get(waiting.id)?.phase;
  };
  const phase = place('running');
  t.is(phase?.kind, 'pending');
  t.true(phase?.kind === 'pending' && phase.reasons.some(r => r.kind === 'untidy_node' && r.node === 'other'));
  t.like(place('exited'), { kind: 'pulling', placement: { node: 'other' } });
});
