import test from 'ava';
import { NodeNews } from '../../control-plane/controller/node-news.ts';
import type { ObservedNode } from '../../control-plane/core/observed.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import { aContainer, aNode, aReplica, phaseOf, seen } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';

const GIB = 2 ** 30;
const SHARED = aSpec({ resources: { gpu: { memoryBytes: 20 * GIB, exclusive: false } } });

/** Looks at one moment after the other; each is remembered. */
function watcher() {
  const news = new NodeNews();
  return (nodes: readonly ObservedNode[], now: number, replicas: readonly Replica[] = []) => {
    const plan = { replicas: new Map(replicas.map(r => [r.id, r])), specOf: () => SHARED };
    const { events, told } = news.look(plan, seen({ nodes }), now);
    told();
    return events.map(e => [e.type, e.node, e.message]);
  };
}

const silent = (since: number) =>
  aNode({ name: 'a', answering: false, silentSince: since, error: 'connection refused' });

test('the silence of a node is told once it lasts, and its end with how long it was', t => {
  const look = watcher();
  t.deepEqual(look([aNode({ name: 'a' })], 0), []);
  t.deepEqual(look([silent(1_000)], 3_999), [], 'an engine that is restarted is no news');
  t.deepEqual(look([silent(1_000)], 4_000), [['node.silent', 'a', 'connection refused']]);
  t.deepEqual(look([silent(1_000)], 9_000), []);
  t.deepEqual(look([aNode({ name: 'a' })], 43_000), [['node.answering', 'a', 'after 42 s of silence']]);
  t.deepEqual(look([aNode({ name: 'a' })], 44_000), []);
});

test('a silence that was too short to be told has no end that is', t => {
  const look = watcher();
  look([silent(1_000)], 2_000);
  t.deepEqual(look([aNode({ name: 'a' })], 3_000), []);
});

test('a silence that an answer between two looks broke is the same news', t => {
  const look = watcher();
  t.is(look([silent(1_000)], 4_000).length, 1);
  t.deepEqual(look([silent(5_000)], 5_500), []);
  t.deepEqual(look([silent(5_000)], 9_000), []);
});

test('that a node leaves is told, and that it is gone', t => {
  const look = watcher();
  look([aNode({ name: 'a' }), aNode({ name: 'b' })], 0);
  const types = (nodes: readonly ObservedNode[]) => look(nodes, 1).map(([type, node]) => [type, node]);
  t.deepEqual(types([aNode({ name: 'a', leaving: true }), aNode({ name: 'b' })]), [['node.leaving', 'a']]);
  t.deepEqual(types([aNode({ name: 'a', leaving: true }), aNode({ name: 'b' })]), []);
  t.deepEqual(types([aNode({ name: 'b' })]), [['node.left', 'a']]);
  t.deepEqual(types([aNode({ name: 'b' })]), []);
});

test('a node that joins is told, not one that was there at the first look', t => {
  const look = watcher();
  t.deepEqual(look([aNode({ name: 'a' })], 0), []);
  const both = [aNode({ name: 'a' }), aNode({ name: 'b', connection: 'ssh://b' })];
  t.deepEqual(look(both, 1), [['node.joined', 'b', 'ssh://b']]);
  t.deepEqual(look(both, 2), []);
});

test('a node that cannot be reached leaves with the number of containers that nobody looks after any more', t => {
  const look = watcher();
  const b = aNode({ name: 'b', connection: 'ssh://b' });
  const gone = (a: Partial<ObservedNode>, replicas: readonly Replica[] = []) => {
    look([aNode({ name: 'a', ...a }), b], 10_000, replicas);
    look([aNode({ name: 'a', ...a, leaving: true }), b], 50_000);
    return look([b], 50_000).map(([type, , message]) => `${type}: ${message}`);
  };
  const away = { answering: false, silentSince: 0 } as const;
  const containers = [aContainer(), aContainer({ id: 'c2', state: 'exited' })];
  t.regex(gone({ ...away, containers })[0]!, /^node.left: it does not answer: 1 container of ours may still run there/);
  const held = [1, 2].map(n =>
    aReplica(phaseOf('lost', 5, { placement: { node: 'a', devices: [] } }), { id: `r000000${n}` }),
  );
  t.regex(gone(away, held)[0]!, /2 containers of ours.*name the node in the nodes file again/);
  t.deepEqual(gone({ containers }), ['node.left: nothing is waited for there any more'], 'it answered to the end');
  look([aNode({ name: 'a', connection: 'ssh://b' })], 60_000);
  t.deepEqual(
    look([aNode({ name: 'c', connection: 'ssh://b' })], 61_000).map(([type, node]) => `${type} ${node}`),
    ['node.joined c', 'node.left a'],
  );
});

test('what could not be stored is told again', t => {
  const news = new NodeNews();
  const plan = { replicas: new Map<string, Replica>(), specOf: () => undefined };
  const look = () => news.look(plan, seen({ nodes: [silent(0)] }), 5_000);
  t.is(look().events.length, 1);
  const again = look();
  t.is(again.events.length, 1);
  again.told();
  t.deepEqual(look().events, []);
});

test('use that is not as declared is told once for each change, and not while somebody starts', t => {
  const look = watcher();
  const placement = { node: 'a', devices: ['nvidia.com/gpu=0'] };
  const ready = aReplica(phaseOf('ready', 0, { placement }));
  const starting = aReplica(phaseOf('starting', 0, { placement }), { id: 'r0000002' });
  const using = (gib: number, at: number) => {
    const measured = { usedBytes: gib * GIB, freeBytes: 0, at };
    return [aNode({ name: 'a', devices: [{ id: 'nvidia.com/gpu=0', driver: 'cdi', measured }] })];
  };
  const types = (gib: number, now: number, replicas: readonly Replica[] = [ready]) =>
    look(using(gib, now), now, replicas).map(([type]) => type);
  t.deepEqual(types(70, 1_000), [], 'it has just become ready');
  t.deepEqual(types(70, 61_000), ['device.overused']);
  t.deepEqual(types(70, 62_000), []);
  t.deepEqual(types(1, 63_000, [ready, starting]), [], 'one starts: nothing can be said');
  t.deepEqual(types(70, 64_000), [], 'nor is it news that it is as it was before');
  t.deepEqual(types(20, 65_000), []);
  t.deepEqual(types(2, 66_000), ['device.underused']);
  t.deepEqual(types(70, 67_000), ['device.overused']);
});

test('a device that vanishes is told with who had it, and so is that it is listed again', t => {
  const look = watcher();
  const device = { id: 'nvidia.com/gpu=0', driver: 'cdi' as const, uuid: 'GPU-8f2e0000-0000-0000-0000-000000000001' };
  const other = { id: 'nvidia.com/gpu=1', driver: 'cdi' as const };
  const holder = aReplica(phaseOf('ready', 0, { placement: { node: 'a', devices: [device.id] } }));
  const all = [aNode({ name: 'a', devices: [device, other] })];
  const gone = [aNode({ name: 'a', devices: [other], vanished: [device] })];
  t.deepEqual(look(all, 0, [holder]), []);
  t.deepEqual(look(gone, 1, [holder]), [
    [
      'device.vanished',
      'a',
      'nvidia.com/gpu=0 is not listed by its node any more, and given to nobody; ns/svc r0000001 had it and goes on',
    ],
  ]);
  t.deepEqual(look(gone, 2, [holder]), []);
  const again = [aNode({ name: 'a', devices: [{ ...device, id: 'nvidia.com/gpu=2' }, other] })];
  t.deepEqual(look(again, 3, [holder]), [['device.listed', 'a', 'nvidia.com/gpu=0 is listed by its node again']]);
  t.deepEqual(look(again, 4, [holder]), []);
});

test('what had vanished before anybody looked is no news', t => {
  const look = watcher();
  const device = { id: 'nvidia.com/gpu=0', driver: 'cdi' as const };
  t.deepEqual(look([aNode({ name: 'a', vanished: [device] })], 0), []);
  t.deepEqual(
    look([aNode({ name: 'a', devices: [device] }), aNode({ name: 'b', vanished: [device] })], 1).map(([type]) => type),
    ['node.joined', 'device.listed'],
  );
});
