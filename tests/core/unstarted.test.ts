import test from 'ava';
import { isUnstarted } from '../../control-plane/core/is-unstarted.ts';
import { withGivenDevices } from '../../control-plane/core/nodes/with-given-devices.ts';
import type {
  EffectState,
  ObservedContainer,
  ObservedDevice,
  ObservedNode,
} from '../../control-plane/core/observed.ts';
import { type Phase, placementOf, type Replica } from '../../control-plane/core/replica.ts';
import { aContainer, aNode, aReplica, phaseOf, seen } from './replicas.ts';

const SINCE = 1_000;
const LISTED = 2_000;

/** Whether it has not been started, by a listing of `LISTED` that shows the container so. */
function unstarted(
  phase: Phase,
  given: {
    readonly state?: ObservedContainer['state'];
    readonly start?: EffectState;
    readonly node?: Partial<ObservedNode>;
    readonly replica?: Partial<Replica>;
  } = {},
): boolean {
  const containers = given.state ? [aContainer({ state: given.state })] : [];
  const nodes = [aNode({ listedFrom: LISTED, containers, ...given.node })];
  const effects: Record<string, EffectState> = given.start ? { 'start c1': given.start } : {};
  return isUnstarted(aReplica(phase, given.replica), seen({ nodes, effects }));
}

const failed = (at: number): EffectState => ({ kind: 'failed', at, code: 'timeout', message: '', notBefore: at + 500 });

test('what has a place and no container was not started; what runs, ran or ends was', t => {
  for (const kind of ['pulling', 'creating'] as const) t.true(unstarted(phaseOf(kind, SINCE)), kind);
  for (const kind of ['pending', 'warming', 'ready', 'draining', 'stopping', 'backoff', 'failed', 'lost'] as const)
    t.false(unstarted(phaseOf(kind, SINCE), { state: 'created' }), kind);
});

test('of one that starts only a listing that began after the last try can tell', t => {
  const starting = phaseOf('starting', SINCE);
  t.true(unstarted(starting, { state: 'created' }), 'as after a restart of ours');
  t.true(unstarted(starting, { state: 'created', start: { kind: 'queued' } }));
  t.true(unstarted(starting, { state: 'created', start: failed(LISTED - 1) }));
  t.false(unstarted(starting, { state: 'created', start: failed(LISTED) }), 'it may have been carried out');
  t.false(unstarted(starting, { state: 'created', start: { kind: 'under_way' } }));
  t.false(unstarted(starting, { state: 'created', start: { kind: 'settled', at: LISTED } }));
  t.false(unstarted(starting, { state: 'running', start: failed(LISTED - 1) }));
  t.false(unstarted(starting), 'the listing may be older than the container');
  t.false(unstarted(starting, { state: 'created', node: { answering: false } }));
  t.false(
    unstarted(starting, { state: 'created', replica: { hasServed: true } }),
    'it served before its node was lost',
  );
});

test('a UUID that was noted outlives a driver that is not read for what was started, and for nothing else', t => {
  const device: ObservedDevice = { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0' };
  const placement = { node: 'local', devices: [device.id], given: [{ id: device.id, uuid: 'GPU-0' }] };
  const noted = (kind: 'creating' | 'starting' | 'ready' | 'backoff', state: ObservedContainer['state']) => {
    const node = aNode({ devices: [device], containers: [aContainer({ state })] });
    const replica = aReplica(phaseOf(kind, SINCE, { placement }));
    return placementOf(withGivenDevices(replica, seen({ nodes: [node] })))?.given;
  };
  const known = [{ id: device.id, uuid: 'GPU-0' }];
  const bare = [{ id: device.id }];
  t.deepEqual(noted('creating', 'created'), bare);
  t.deepEqual(noted('starting', 'created'), bare);
  t.deepEqual(noted('starting', 'running'), known);
  t.deepEqual(noted('ready', 'running'), known);
  t.deepEqual(noted('backoff', 'exited'), known);
});

test('an id that another device had before tells nothing of who was given it before the driver was read', t => {
  const read: ObservedDevice = { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0', uuid: 'GPU-1' };
  const placement = { node: 'local', devices: [read.id] };
  const replica = aReplica(phaseOf('ready', SINCE, { placement }));
  const noted = (vanished: readonly ObservedDevice[]) =>
    placementOf(withGivenDevices(replica, seen({ nodes: [aNode({ devices: [read], vanished })] })))?.given;
  t.deepEqual(noted([]), [{ id: read.id, uuid: 'GPU-1' }]);
  t.is(noted([{ ...read, uuid: 'GPU-0' }]), undefined);
});
