import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { connectionsOf, drainNode, releaseDevice, undrainNode } from '../../control-plane/controller/node-commands.ts';
import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { Change } from '../../control-plane/ports.ts';
import { aNode } from '../core/replicas.ts';

const devices = [{ id: 'nvidia.com/gpu=0', driver: 'cdi' as const, index: '0', uuid: 'GPU-1' }];
const NODES = new Map(['a', 'b'].map(name => [name, aNode({ name, devices })]));
const QUARANTINE = { device: 'nvidia.com/gpu=0', since: 3, reason: 'r1 lost sight of it' };

function asked(record?: Partial<NodeRecord>) {
  const nodes = record ? [{ name: 'a', drainingSince: null, quarantined: [], ...record }] : [];
  return {
    state: DesiredState.from({ services: [], replicas: [], generations: [], nodes }),
    nodes: NODES,
    name: 'a',
    now: 7,
  };
}

const eventTypes = (changes: readonly Change[]) =>
  changes.flatMap(c => (c.kind === 'event' ? [[c.event.node, c.event.type]] : []));

test('a drained node has a record of it, and is told', t => {
  const { changes } = drainNode(asked());
  t.deepEqual(changes[0], { kind: 'put_node', node: { name: 'a', drainingSince: 7, quarantined: [] } });
  t.deepEqual(eventTypes(changes), [['a', 'node.draining']]);
});

test('a node that is drained already keeps its time, and nothing is told', t => {
  t.deepEqual(drainNode(asked({ drainingSince: 5 })).changes, []);
});

test('an undrained node about which nothing else is known has no record any more', t => {
  const { changes } = undrainNode(asked({ drainingSince: 5 }));
  t.deepEqual(changes[0], { kind: 'delete_node', name: 'a' });
  t.deepEqual(eventTypes(changes), [['a', 'node.undrained']]);
  t.deepEqual(undrainNode(asked()).changes, []);
});

test('undraining a node leaves its quarantined devices as they are', t => {
  const { changes } = undrainNode(asked({ drainingSince: 5, quarantined: [QUARANTINE] }));
  t.deepEqual(changes[0], { kind: 'put_node', node: { name: 'a', drainingSince: null, quarantined: [QUARANTINE] } });
});

for (const name of ['nvidia.com/gpu=0', '0', 'GPU-1']) {
  test(`a quarantined device called ${name} is released, and the node stays drained`, t => {
    const { changes } = releaseDevice({ ...asked({ drainingSince: 5, quarantined: [QUARANTINE] }), device: name });
    t.deepEqual(changes[0], { kind: 'put_node', node: { name: 'a', drainingSince: 5, quarantined: [] } });
    t.deepEqual(eventTypes(changes), [['a', 'device.released']]);
  });
}

test('a device that is not quarantined, and one that is gone, can be released without harm', t => {
  t.deepEqual(releaseDevice({ ...asked(), device: '0' }).changes, []);
  const gone = { ...QUARANTINE, device: 'gone' };
  t.deepEqual(releaseDevice({ ...asked({ quarantined: [gone] }), device: 'gone' }).changes[0], {
    kind: 'delete_node',
    name: 'a',
  });
});

test('what does not exist is not found, and what does is named', t => {
  const unknown = { code: 'not_found', next: /a, b/ };
  for (const command of [drainNode, undrainNode]) {
    const error = t.throws(() => command({ ...asked(), name: 'c' })) as Error & { code: string; next: string };
    t.is(error.code, unknown.code);
    t.regex(error.next, unknown.next);
  }
  const device = t.throws(() => releaseDevice({ ...asked(), device: '9' })) as Error & { code: string; next: string };
  t.is(device.code, 'not_found');
  t.regex(device.next, /nvidia\.com\/gpu=0/);
});

test('a device that was quarantined under another id than it is listed by now is released', t => {
  const listed = [{ id: 'GPU-1', driver: 'nvidia' as const, uuid: 'GPU-1', index: '0' }];
  const quarantined = [{ ...QUARANTINE, uuid: 'GPU-1' }];
  const nodes = new Map([['a', aNode({ name: 'a', devices: listed })]]);
  const { changes } = releaseDevice({ ...asked({ quarantined }), nodes, device: 'GPU-1' });
  t.deepEqual(changes[0], { kind: 'delete_node', name: 'a' });
});

test('the way to a node is stored once it led to an answer: before, it may be a slip', t => {
  const { state } = asked();
  const found = (answering: boolean) =>
    connectionsOf(state, new Map([['a', aNode({ name: 'a', connection: 'tcp://a:2376', answering })]]));
  t.deepEqual(found(false), []);
  const node = { name: 'a', drainingSince: null, quarantined: [], connection: 'tcp://a:2376' };
  t.deepEqual(found(true), [{ kind: 'put_node', node }]);
});
