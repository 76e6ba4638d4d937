import test from 'ava';
import type { Action } from '../../control-plane/core/actions.ts';
import { createKey } from '../../control-plane/core/actions.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { nodesToList } from '../../control-plane/core/nodes/nodes-to-list.ts';
import { vacatedNodes } from '../../control-plane/core/nodes/vacated-nodes.ts';
import type { EffectState, Observed, ObservedNode } from '../../control-plane/core/observed.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import { World } from '../../control-plane/core/world.ts';
import { aContainer, aNode, aReplica, type GivenNode, phaseOf, seen } from './replicas.ts';

const NOW = 2_000_000;
const { lostAfterMs } = DEFAULT_NODE_POLICY;
const on = (node: string) => ({ placement: { node, devices: [] } });

function worldOf(nodes: readonly ObservedNode[], replicas: readonly Replica[] = [], given: Partial<Observed> = {}) {
  const desired = {
    services: new Map(),
    replicas: new Map(replicas.map(r => [r.id, r])),
    nodes: new Map(),
    specOf: () => undefined,
  };
  return new World(desired, { ...seen({ nodes }), ...given }, { now: NOW, policy: DEFAULT_NODE_POLICY });
}

function vacated(left: GivenNode, replicas: readonly Replica[] = [], actions: readonly Action[] = []) {
  return vacatedNodes(worldOf([aNode({ name: 'a' }), aNode({ name: 'b', leaving: true, ...left })], replicas), actions);
}

test('a node that is left may go once nothing of ours is on it', t => {
  t.deepEqual(vacated({}), ['b']);
  t.deepEqual(vacated({ containers: [aContainer()] }), [], 'a container is there');
  t.deepEqual(vacated({ containers: [aContainer({ name: 'somebody' })] }), ['b'], 'that one is nobody of ours');
  t.deepEqual(vacated({}, [aReplica(phaseOf('ready', 1, on('b')))]), [], 'a replica is there');
  t.deepEqual(vacated({}, [aReplica(phaseOf('ready', 1, on('a')))]), ['b']);
  t.deepEqual(vacated({}, [aReplica(phaseOf('failed', 1, on('b')))]), ['b'], 'what gave up holds nothing');
});

test('a node that is configured never goes', t => {
  t.deepEqual(vacatedNodes(worldOf([aNode({ name: 'a' })]), []), []);
});

test('a node that is left stays while something is to be done there', t => {
  t.deepEqual(vacated({}, [], [{ kind: 'measure', node: 'b' }]), []);
  t.deepEqual(vacated({}, [], [{ kind: 'measure', node: 'a' }]), ['b']);
  const silent = { answering: false, silentSince: NOW - lostAfterMs };
  t.deepEqual(vacated(silent, [], [{ kind: 'measure', node: 'b' }]), ['b'], 'it cannot be done');
});

test('a node that is left and is silent goes only after a while: what runs there may yet be ended in order', t => {
  const silentFor = (ms: number) => ({ answering: false, silentSince: NOW - ms, containers: [aContainer()] });
  t.deepEqual(vacated(silentFor(lostAfterMs - 1)), []);
  t.deepEqual(vacated(silentFor(lostAfterMs)), ['b']);
});

test('a node is listed again where something ends without a container, until a listing is newer than that', t => {
  const ends = aReplica(phaseOf('stopping', NOW, { container: null, ...on('b') }));
  const listed = (listedFrom: number, given: GivenNode = {}, effects = new Map<string, EffectState>()) =>
    nodesToList(worldOf([aNode({ name: 'a' }), aNode({ name: 'b', listedFrom, ...given })], [ends], { effects }));
  t.deepEqual(listed(NOW - 1), ['b']);
  t.deepEqual(listed(NOW), ['b']);
  t.deepEqual(listed(NOW + 1), []);
  t.deepEqual(listed(NOW - 1, { answering: false }), [], 'it is asked anyway');
  const create = new Map<string, EffectState>([[createKey(ends), { kind: 'settled', at: NOW + 5, containerId: 'c1' }]]);
  t.deepEqual(listed(NOW + 5, {}, create), ['b'], 'what a create has made meanwhile was not seen yet');
  t.deepEqual(listed(NOW + 6, {}, create), []);
});

test('a node is listed again where a probe failed that counts only if the node is heard after it', t => {
  const ready = aReplica(phaseOf('ready', 1));
  const report = { startup: 'passed', warmup: 'done', readiness: 'passing', liveness: 'passing' } as const;
  const listed = (doubtedSince?: number) => {
    const probe = { containerId: 'c1', ...report, ...(doubtedSince !== undefined && { doubtedSince }) };
    return nodesToList(worldOf([aNode({ listedFrom: NOW })], [ready], { probes: new Map([['c1', probe]]) }));
  };
  t.deepEqual(listed(), []);
  t.deepEqual(listed(NOW), ['local']);
  t.deepEqual(listed(NOW - 1), []);
});
