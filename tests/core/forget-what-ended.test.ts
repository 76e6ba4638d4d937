import test from 'ava';
import { actionKey } from '../../control-plane/core/actions.ts';
import { forgetWhatEnded } from '../../control-plane/core/lifecycle/forget-what-ended.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import type { EffectState } from '../../control-plane/core/observed.ts';
import { planOf } from '../../control-plane/core/plan/plan.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import { World } from '../../control-plane/core/world.ts';
import { aReplica, phaseOf, seen } from './replicas.ts';
import { aSpec } from './specs.ts';

const NOW = 2_000_000;
const REMOVAL = { askedAt: NOW - 1_000, volumes: false };
const CLEANING = { kind: 'clean_namespace', node: 'local', namespace: 'ns', ...REMOVAL } as const;
const CLEANED = new Map<string, EffectState>([[actionKey(CLEANING), { kind: 'settled', at: NOW }]]);

function aService(name: string, given: Partial<Service> = {}): Service {
  const spec = aSpec({ name });
  const counts = { generation: 1, latestGeneration: 1, replicas: 0 };
  const rollout = { kind: 'settled' as const };
  return {
    key: `ns/${name}`,
    spec,
    imageId: null,
    ...counts,
    acceptedAt: 0,
    createdBy: '',
    askedBy: '',
    removal: REMOVAL,
    origin: '',
    rollout,
    ...given,
  };
}

function worldOf(services: readonly Service[], replicas: readonly Replica[], effects = new Map<string, EffectState>()) {
  const desired = {
    services: new Map(services.map(s => [s.key, s])),
    replicas: new Map(replicas.map(r => [r.id, r])),
    nodes: new Map(),
    specOf: (service: string) => services.find(s => s.key === service)?.spec,
  };
  return new World(desired, { ...seen(), effects }, { now: NOW, policy: DEFAULT_NODE_POLICY });
}

/** The services and replicas that are left. */
function left(world: World): { services: string[]; replicas: string[] } {
  forgetWhatEnded(world);
  return { services: [...world.services.keys()], replicas: [...world.replicas.keys()] };
}

test('a replica is forgotten once it has stopped, and a service that is deleted with the last of them', t => {
  const [stopped, stopping] = [phaseOf('stopped', NOW), phaseOf('stopping', NOW)];
  const gone = aReplica(stopped, { id: 'gone', service: 'ns/one' });
  const going = aReplica(stopping, { id: 'going', service: 'ns/one' });
  t.deepEqual(left(worldOf([aService('one')], [gone, going], CLEANED)), { services: ['ns/one'], replicas: ['going'] });
  t.deepEqual(left(worldOf([aService('one')], [gone], CLEANED)), { services: [], replicas: [] });
  t.deepEqual(left(worldOf([aService('one', { removal: null })], [gone], CLEANED)).services, ['ns/one']);
});

test('the last service of a namespace stays until its networks are cleaned up', t => {
  t.deepEqual(left(worldOf([aService('one')], [])).services, ['ns/one']);
  t.deepEqual(left(worldOf([aService('one')], [], CLEANED)).services, []);
  t.deepEqual(left(worldOf([aService('one'), aService('two')], [])).services, ['ns/two'], 'one of them does for both');
  t.deepEqual(left(worldOf([aService('one'), aService('two', { removal: null })], [])).services, ['ns/two']);
});

test('a plan changes nothing: made twice of one world, it is the same', t => {
  const stopped = aReplica(phaseOf('stopped', NOW), { id: 'gone', service: 'ns/one' });
  const world = worldOf([aService('one'), aService('two')], [stopped]);
  const before = planOf(world, null);
  t.deepEqual([...before.services.keys()], ['ns/one', 'ns/two']);
  t.deepEqual([...before.replicas.keys()], ['gone']);
  t.deepEqual(planOf(world, null), before);
  forgetWhatEnded(world);
  const after = planOf(world, null);
  t.deepEqual(after.actions, [CLEANING]);
  t.deepEqual(planOf(world, null), after);
});
