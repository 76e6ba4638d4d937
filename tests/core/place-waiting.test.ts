import test from 'ava';
import { reconcile } from '../../control-plane/core/reconcile.ts';
import { countingIds } from '../fakes/clock.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec, exactly } from './specs.ts';

/** So many nodes, none of which answers, and a service that waits for them; how often a pass reads why, of any node. */
function passWith({ nodes, replicas }: { nodes: number; replicas: number }) {
  const names = Array.from({ length: nodes }, (_, i) => `n${i}`);
  const world = new ModelWorld(Object.fromEntries(names.map(n => [n, { cpus: 8, memoryBytes: 2 ** 34, devices: [] }])));
  for (const name of names) world.silent.add(name);
  world.list();
  apply(world, aSpec({ replicas: exactly(replicas) }));
  let reads = 0;
  const silent = [...world.observed().nodes].map(([name, node]) => {
    const told = { ...node };
    const get = () => {
      reads += 1;
      return `${name} is away`;
    };
    Object.defineProperty(told, 'error', { enumerable: true, get });
    return [name, told] as const;
  });
  const { replicaId } = countingIds();
  const observed = { ...world.observed(), nodes: new Map(silent) };
  const plan = reconcile(world.state, observed, world.now, replicaId, world.policy);
  const reasons = [...plan.replicas.values()].map(r => (r.phase.kind === 'pending' ? r.phase.reasons : []));
  return { reads, reasons };
}

test('why nothing can be placed is told once a pass for replicas that want the same, however many wait', t => {
  const one = passWith({ nodes: 300, replicas: 1 });
  const many = passWith({ nodes: 300, replicas: 20 });
  t.is(many.reasons.length, 20);
  t.deepEqual(many.reasons[0], [{ kind: 'lack', constraint: 'silent', nodes: ['n0', 'n1', 'n10'], count: 300 }]);
  t.true(one.reads >= 300);
  t.is(many.reads, one.reads, 'each node is asked as often as for one');
  t.is(new Set(many.reasons).size, 1, 'one list for all');
});

test('to place a small replica changes nothing of those that go on waiting for more', t => {
  const plain = { cpus: 8, memoryBytes: 2 ** 34, devices: [] };
  const world = new ModelWorld({ a: plain, b: plain, c: plain });
  apply(world, aSpec({ name: 'large', replicas: exactly(40), resources: { cpus: 6 } }));
  world.settle();
  const waiting = () => [...world.state.replicas.values()].filter(r => r.phase.kind === 'pending');
  const before = waiting();
  t.is(before.length, 37);
  apply(world, aSpec({ name: 'small', resources: { cpus: 1 } }));
  const plan = reconcile(world.state, world.observed(), world.now, countingIds().replicaId, world.policy);
  const changed = [...plan.replicas.values()].filter(r => r !== world.state.replicas.get(r.id));
  t.deepEqual(
    changed.map(r => r.service),
    ['ns/small'],
  );
  world.settle();
  t.deepEqual(waiting(), before);
});
