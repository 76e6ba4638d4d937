import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { Change } from '../../control-plane/ports.ts';
import { aReplica, CAUSE, phaseOf } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';

const spec = aSpec();
const service: Service = {
  key: 'ns/svc',
  spec,
  imageId: null,
  generation: 3,
  latestGeneration: 3,
  replicas: 1,
  acceptedAt: 0,
  createdBy: '',
  askedBy: '',
  removal: null,
  origin: '',
  rollout: { kind: 'settled' },
};
const replica = aReplica(phaseOf('ready', 1), { id: 'r1', generation: 3 });

/** Generations 1 to 3 are stored, one replica of the third. */
const state = DesiredState.from({
  services: [service],
  replicas: [replica],
  nodes: [],
  generations: [1, 2, 3].map(generation => ({ service: 'ns/svc', generation, spec })),
});

const services = (...list: Service[]) => new Map(list.map(s => [s.key, s]));
const replicas = (...list: (typeof replica)[]) => new Map(list.map(r => [r.id, r]));
const forgotten = (changes: readonly Change[]) =>
  changes.flatMap(c => (c.kind === 'delete_generation' ? [c.generation] : []));

test('no difference is no change', t => {
  t.deepEqual(state.changesTo(state), []);
  t.deepEqual(state.changesTo({ services: services(service), replicas: replicas(replica), nodes: new Map() }), []);
});

for (const rollout of [
  { kind: 'progressing', since: 1, previous: 1 },
  { kind: 'paused', cause: CAUSE, previous: 1 },
] as const) {
  test(`the generation that an update can go back to is kept while it is ${rollout.kind}, and no longer`, t => {
    const updating: Service = { ...service, rollout };
    t.deepEqual(
      forgotten(state.changesTo({ services: services(updating), replicas: replicas(replica), nodes: new Map() })),
      [2],
    );
    const through = state.with(
      state.changesTo({ services: services(updating), replicas: replicas(replica), nodes: new Map() }),
    );
    t.deepEqual(
      forgotten(through.changesTo({ services: services(service), replicas: replicas(replica), nodes: new Map() })),
      [1],
    );
  });
}

test('a generation is kept as long as a replica of it is there', t => {
  const old = aReplica(phaseOf('draining', 1), { id: 'r2', generation: 2 });
  const settled: Service = { ...service, replicas: 2 };
  t.deepEqual(
    forgotten(state.changesTo({ services: services(settled), replicas: replicas(replica, old), nodes: new Map() })),
    [1],
  );
  t.deepEqual(
    forgotten(state.changesTo({ services: services(settled), replicas: replicas(replica), nodes: new Map() })),
    [1, 2],
  );
});

test('the generation that is wanted is kept without a replica of it', t => {
  const empty: Service = { ...service, replicas: 0 };
  const next = state.with(state.changesTo({ services: services(empty), replicas: replicas(), nodes: new Map() }));
  t.is(next.specOf('ns/svc', 3), spec);
  t.is(next.specOf('ns/svc', 2), undefined);
});

test('with the service and its replicas go all its generations', t => {
  const changes = state.changesTo({ services: new Map(), replicas: new Map(), nodes: new Map() });
  t.deepEqual(forgotten(changes), [1, 2, 3]);
  t.deepEqual(
    changes.map(c => c.kind).filter(kind => kind !== 'delete_generation'),
    ['delete_service', 'delete_replica'],
  );
});

test('the changes to a state lead to it', t => {
  const other: Service = {
    ...service,
    key: 'ns/other',
    generation: 1,
    rollout: { kind: 'paused', cause: CAUSE, previous: null },
  };
  const moved = { ...replica, attempt: 2 };
  const fresh = aReplica(phaseOf('pending', 9), { id: 'r9', generation: 3 });
  const wanted = { services: services({ ...service, replicas: 2 }, other), replicas: replicas(moved, fresh) };
  const next = state.with(state.changesTo({ ...wanted, nodes: new Map() }));
  t.deepEqual(next.services, wanted.services);
  t.deepEqual(next.replicas, wanted.replicas);
  t.deepEqual(next.changesTo({ ...wanted, nodes: new Map() }), []);
});

test('a step leaves the state before it as it was', t => {
  const next = state.with([
    { kind: 'delete_replica', id: 'r1' },
    { kind: 'delete_service', key: 'ns/svc' },
    { kind: 'delete_generation', service: 'ns/svc', generation: 3 },
    { kind: 'event', event: { at: 1, service: 'ns/svc', type: 'x', message: '' } },
  ]);
  t.is(next.services.size + next.replicas.size, 0);
  t.is(next.specOf('ns/svc', 3), undefined);
  t.is(state.services.get('ns/svc'), service);
  t.is(state.replicas.get('r1'), replica);
  t.is(state.specOf('ns/svc', 3), spec);
});
