import test from 'ava';
import { attributeOf } from '../../control-plane/core/placement/constraints.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec } from './specs.ts';

test('a label has the value that it was given, and no other key is one', t => {
  const labels = JSON.parse('{"zone": "a", "constructor": "b", "__proto__": "c"}') as Record<string, string>;
  const node = { name: 'n', labels };
  t.is(attributeOf(node, 'node.labels.zone'), 'a');
  t.is(attributeOf(node, 'node.labels.constructor'), 'b');
  t.is(attributeOf(node, 'node.labels.__proto__'), 'c');
  for (const key of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'])
    t.is(attributeOf({ name: 'n', labels: {} }, `engine.labels.${key}`), '', key);
});

test('labels that are called like parts of an object constrain and spread like all others', t => {
  const node = { cpus: 8, memoryBytes: 2 ** 34, devices: [] };
  const world = new ModelWorld({ a: node });
  const constrained = (name: string, constraints: string[], spread: string[] = []) =>
    aSpec({ name, placement: { constraints, spread } });
  apply(
    world,
    constrained('never', ['node.labels.constructor == x']),
    constrained('always', ['node.labels.toString != x'], ['node.labels.constructor', 'node.labels.__proto__']),
  );
  for (let i = 0; i < 20; i += 1) t.is(world.step().troubles.size, 0);
  const phases = [...world.state.replicas.values()].map(r => [r.service, r.phase.kind]);
  t.deepEqual(phases, [
    ['ns/never', 'pending'],
    ['ns/always', 'ready'],
  ]);
});
