import test from 'ava';
import fc from 'fast-check';
import { containTrouble } from '../../control-plane/core/contain-trouble.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec, exactly } from './specs.ts';

const keys: readonly ServiceKey[] = ['ns/a', 'ns/b', 'ns/c', 'ns/d', 'ns/e'];

test('those that the attempt throws for are left alone, each with its own message', t => {
  const made = containTrouble(keys, alone => {
    for (const bad of ['ns/b', 'ns/e'] as const) if (!alone.has(bad)) throw new Error(`${bad} is bad`);
    return alone;
  });
  t.deepEqual(
    [...made],
    [
      ['ns/b', 'ns/b is bad'],
      ['ns/e', 'ns/e is bad'],
    ],
  );
});

test('what throws without any service is thrown as it was', t => {
  const always = () => {
    throw new Error('the disk');
  };
  t.throws(() => containTrouble(keys, always), { message: 'the disk' });
});

test('a group that only fails together is left alone, the smallest that does', t => {
  const made = containTrouble(keys, alone => {
    if (!alone.has('ns/c')) throw new Error('c is bad');
    if (!alone.has('ns/a') && !alone.has('ns/d')) throw new Error('a and d');
    return alone;
  });
  t.deepEqual(
    [...made],
    [
      ['ns/c', 'c is bad'],
      ['ns/a', 'a and d (together with ns/d)'],
      ['ns/d', 'a and d (together with ns/a)'],
    ],
  );
});

test('whichever groups fail together, no other service is left alone and every group is broken up', t => {
  const many = Array.from({ length: 12 }, (_, i): ServiceKey => `ns/s${i}`);
  const groups = fc.uniqueArray(fc.subarray(many, { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 3,
    selector: g => g.join(),
  });
  fc.assert(
    fc.property(groups, bad => {
      const alone = containTrouble(many, given => {
        if (bad.some(group => group.every(key => !given.has(key)))) throw new Error('bad');
        return new Set(given.keys());
      });
      t.true(bad.every(group => group.some(key => alone.has(key))));
      t.true([...alone].every(key => bad.some(group => group.includes(key))));
    }),
  );
});

test('a service whose stored spec is missing is left as it is, and all others go on', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ name: 'good', replicas: exactly(2) }), aSpec({ name: 'bad' }), aSpec({ name: 'other' }));
  world.settle();
  const bad = [...world.state.replicas.values()].find(r => r.service === 'ns/bad')!;
  world.commit([{ kind: 'delete_generation', service: 'ns/bad', generation: 1 }]);
  world.exit(world.running().find(c => c.service === 'ns/good')!.id);
  world.exit(world.running().find(c => c.service === 'ns/bad')!.id);
  world.list();
  world.advance(60_000);
  for (let i = 0; i < 30; i += 1) world.step();
  world.advance(60_000);
  for (let i = 0; i < 30; i += 1) world.step();
  const plan = world.step();
  t.deepEqual([...plan.troubles], [['ns/bad', 'no spec is stored for ns/bad generation 1']]);
  t.is(world.state.replicas.get(bad.id), bad);
  t.deepEqual(
    [...world.state.replicas.values()].filter(r => r.service !== 'ns/bad').map(r => r.phase.kind),
    ['ready', 'ready', 'ready'],
  );
  t.is(world.running().length, 3);
});

test('a service that cannot be placed for a defect keeps nobody else from a place', t => {
  const world = new ModelWorld();
  const spec = aSpec({ name: 'bad' });
  apply(world, spec, aSpec({ name: 'good' }));
  const placement = {
    ...spec.placement,
    get constraints(): never {
      throw new TypeError('a defect');
    },
  };
  world.commit([{ kind: 'put_generation', service: 'ns/bad', generation: 1, spec: { ...spec, placement } }]);
  for (let i = 0; i < 20; i += 1) world.step();
  t.deepEqual([...world.step().troubles], [['ns/bad', 'a defect']]);
  t.deepEqual(
    [...world.state.replicas.values()].map(r => [r.service, r.phase.kind]),
    [['ns/good', 'ready']],
  );
});
