import type { TestFn } from 'ava';
import fc from 'fast-check';
import type { Change, Store, StoredState } from '../../control-plane/ports.ts';
import { anyNodeRecord, anyReplica, anyService, anyServiceKey, anySpec } from '../fakes/records.ts';
import { Disk, FakeStore } from '../fakes/store.ts';

/** A place for state that outlives a Store. `open` is a new life on it; the one before is closed or crashed. */
export interface Place {
  open(options?: { maxEvents?: number }): Promise<Store>;
  discard(): Promise<void>;
}

const event = fc
  .record(
    {
      at: fc.nat(),
      service: anyServiceKey,
      replicaId: fc.constantFrom('r1', 'r2'),
      node: fc.constantFrom('n1', 'n2'),
      type: fc.constantFrom('replica.ready', 'service.applied', 'node.silent'),
      message: fc.string({ unit: 'binary', maxLength: 30 }),
    },
    { requiredKeys: ['at', 'type', 'message'], noNullPrototype: true },
  )
  .map(e => ({ ...e }));

const change: fc.Arbitrary<Change> = fc.oneof(
  anyService.map(service => ({ kind: 'put_service' as const, service })),
  anyServiceKey.map(key => ({ kind: 'delete_service' as const, key })),
  fc.tuple(anySpec, fc.nat(3)).map(([spec, generation]) => ({
    kind: 'put_generation' as const,
    service: `${spec.namespace}/${spec.name}` as const,
    generation,
    spec,
  })),
  fc
    .tuple(anyServiceKey, fc.nat(3))
    .map(([service, generation]) => ({ kind: 'delete_generation' as const, service, generation })),
  anyReplica.map(replica => ({ kind: 'put_replica' as const, replica })),
  fc.constantFrom('r1', 'r2', 'r3', 'r4').map(id => ({ kind: 'delete_replica' as const, id })),
  anyNodeRecord.map(node => ({ kind: 'put_node' as const, node })),
  fc.constantFrom('n1', 'n2').map(name => ({ kind: 'delete_node' as const, name })),
  event.map(e => ({ kind: 'event' as const, event: e })),
);

/** What every Store promises (ports.ts). The model of the property is the fake, which passes this suite too. */
export function storeContract(test: TestFn, name: string, createPlace: () => Promise<Place>, runs = 60): void {
  const ready = (id: string, service: `${string}/${string}` = 'a/b') =>
    ({
      kind: 'put_replica',
      replica: { ...fc.sample(anyReplica, { numRuns: 1, seed: 1 })[0]!, id, service },
    }) satisfies Change;
  const happened = (message: string, service: `${string}/${string}` = 'a/b') =>
    ({ kind: 'event', event: { at: 1, service, type: 'replica.ready', message } }) satisfies Change;

  test(`${name}: a new place is empty and has an instance, which stays`, async t => {
    const place = await createPlace();
    const store = await place.open();
    t.regex(store.instance, /^[a-z0-9]{8,}$/);
    t.deepEqual(await store.load(), { services: [], replicas: [], nodes: [], generations: [] });
    t.deepEqual(await store.events({ limit: 10 }), []);
    await store.close();
    const again = await place.open();
    t.is(again.instance, store.instance);
    await again.close();
    await place.discard();
  });

  test(`${name}: any sequence of commits is there after reopening, as in the model`, async t => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 8 }), async commits => {
        const place = await createPlace();
        const model = new FakeStore(new Disk(), { maxEvents: 5 });
        let store = await place.open({ maxEvents: 5 });
        for (const [index, changes] of commits.entries()) {
          await store.commit(changes);
          await model.commit(changes);
          if (index % 3 === 0) {
            await store.close();
            store = await place.open({ maxEvents: 5 });
          }
          t.deepEqual(normal(await store.load()), normal(await model.load()));
          for (const query of [{ limit: 3 }, { limit: 2, afterSequence: 1 }, { limit: 10, service: 'a/b' as const }]) {
            t.deepEqual(await store.events(query), await model.events(query));
          }
        }
        await store.close();
        await place.discard();
      }),
      { numRuns: runs },
    );
  });

  test(`${name}: a commit with one bad change changes nothing`, async t => {
    const place = await createPlace();
    const store = await place.open();
    await store.commit([ready('kept')]);
    const before = await store.load();
    const bad = { kind: 'put_replica', replica: { ...ready('bad').replica, phase: { kind: 'nonsense' } } };
    await t.throwsAsync(store.commit([ready('new'), { kind: 'delete_replica', id: 'kept' }, bad as never]), {
      code: 'internal',
      message: /could not be read back/,
    });
    t.deepEqual(await store.load(), before);
    await store.commit([ready('next')]);
    t.deepEqual(
      (await store.load()).replicas.map(r => r.id),
      ['kept', 'next'],
    );
    await store.close();
    await place.discard();
  });

  test(`${name}: deleting a service takes its generations along, and no other's`, async t => {
    const place = await createPlace();
    const store = await place.open();
    const [spec] = fc.sample(anySpec, { numRuns: 1, seed: 2 });
    const generation = (service: `${string}/${string}`) =>
      ({ kind: 'put_generation', service, generation: 1, spec: spec! }) satisfies Change;
    await store.commit([generation('a/b'), generation('a/bc'), { kind: 'delete_service', key: 'a/b' }]);
    t.deepEqual(
      (await store.load()).generations.map(g => g.service),
      ['a/bc'],
    );
    await store.close();
    await place.discard();
  });

  test(`${name}: what is decided about a node is kept until it is decided otherwise`, async t => {
    const place = await createPlace();
    let store = await place.open();
    const quarantined = [{ device: 'nvidia.com/gpu=0', since: 5, reason: 'a container lost sight of it' }];
    const nodes = [
      { name: 'a', drainingSince: 7, quarantined: [] },
      { name: 'b', drainingSince: null, quarantined },
    ];
    await store.commit(nodes.map((node): Change => ({ kind: 'put_node', node })));
    await store.close();
    store = await place.open();
    t.deepEqual((await store.load()).nodes, nodes);
    await store.commit([
      { kind: 'delete_node', name: 'a' },
      { kind: 'put_node', node: { name: 'b', drainingSince: null, quarantined: [] } },
      { kind: 'delete_node', name: 'unknown' },
    ]);
    t.deepEqual((await store.load()).nodes, [{ name: 'b', drainingSince: null, quarantined: [] }]);
    const bad = { kind: 'put_node', node: { name: 'c', drainingSince: 'yesterday', quarantined: [] } };
    await t.throwsAsync(store.commit([bad as never]), { code: 'internal', message: /could not be read back/ });
    await store.close();
    await place.discard();
  });

  test(`${name}: an event about a node alone has no service, and is in nobody's events but all`, async t => {
    const place = await createPlace();
    const store = await place.open();
    const alone = { at: 1, node: 'a', type: 'node.silent', message: 'no answer' };
    const both = { at: 2, node: 'a', service: 'a/b' as const, replicaId: 'r1', type: 'replica.lost', message: '' };
    await store.commit([alone, both].map((e): Change => ({ kind: 'event', event: e })));
    t.deepEqual(await store.events({ limit: 10 }), [
      { sequence: 1, ...alone },
      { sequence: 2, ...both },
    ]);
    t.deepEqual(await store.events({ limit: 10, service: 'a/b' }), [{ sequence: 2, ...both }]);
    await store.close();
    await place.discard();
  });

  test(`${name}: the newest events are kept, their sequence numbers never come twice`, async t => {
    const place = await createPlace();
    let store = await place.open({ maxEvents: 3 });
    for (let i = 1; i <= 5; i++) await store.commit([happened(`e${i}`, i % 2 ? 'a/b' : 'c/d')]);
    const messages = async (query: Parameters<Store['events']>[0]) => (await store.events(query)).map(e => e.message);
    t.deepEqual(await messages({ limit: 10 }), ['e3', 'e4', 'e5']);
    t.deepEqual(await messages({ limit: 2 }), ['e4', 'e5']);
    t.deepEqual(await messages({ limit: 10, service: 'c/d' }), ['e4']);
    await store.close();
    store = await place.open({ maxEvents: 3 });
    await store.commit([happened('e6')]);
    const kept = await store.events({ limit: 10 });
    t.deepEqual(
      kept.map(e => e.sequence),
      [4, 5, 6],
    );
    t.deepEqual(await messages({ limit: 1, afterSequence: 4 }), ['e5'], 'a reader pages on from where it was');
    t.deepEqual(await messages({ limit: 10, afterSequence: 6 }), []);
    await store.close();
    await place.discard();
  });

  test(`${name}: a closed store refuses, and closing again is harmless`, async t => {
    const place = await createPlace();
    const store = await place.open();
    await store.close();
    await store.close();
    await t.throwsAsync(store.commit([ready('r')]), { code: 'unavailable' });
    await t.throwsAsync(store.load(), { code: 'unavailable' });
    await place.discard();
  });

  test(`${name}: what a store gives away is not what it holds`, async t => {
    const place = await createPlace();
    const store = await place.open();
    const given = ready('r');
    await store.commit([given]);
    (given.replica as { generation: number }).generation = 77;
    const first = (await store.load()).replicas[0]!;
    t.not(first.generation, 77);
    (first as { generation: number }).generation = 78;
    t.not((await store.load()).replicas[0]?.generation, 78);
    await store.close();
    await place.discard();
  });
}

/** Without the keys that are undefined: JSON has none. */
function normal(state: StoredState): unknown {
  return JSON.parse(JSON.stringify(state));
}
