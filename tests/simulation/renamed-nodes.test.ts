import test, { type ExecutionContext } from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { LOCAL_PROFILE, type Member } from '../../control-plane/ports.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { WitnessedEngine } from './witness.ts';

const GIB = 2 ** 30;
const GPU = { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0', uuid: 'GPU-0', memoryBytes: 80 * GIB } as const;

/** Machines with a GPU each, under the names that are given; null: nobody names it. */
class NamedMachines {
  readonly world: SimulatedWorld;
  #names: readonly (string | null)[];

  constructor(names: readonly string[]) {
    this.#names = names;
    this.world = new SimulatedWorld({
      nodes: names.map(name => ({ name, cpus: 6, devices: [GPU] })),
      probesPassAfterMs: 700,
    });
    for (const [i, node] of this.world.nodes.entries()) {
      node.newMember = () => {
        node.member = this.#memberOf(i, this.#names[i] ?? node.name);
        return node.member;
      };
    }
  }

  /** As when the nodes file says so. */
  name(...names: (string | null)[]): void {
    this.#names = names;
    const members = this.world.nodes.flatMap((node, i) => {
      node.configure(names[i] !== null);
      return names[i] === null ? [] : [node.newMember()];
    });
    this.world.controller.setMembers(members);
  }

  async up(name: string, replicas: number): Promise<void> {
    const spec: ServiceSpecInput = {
      namespace: 'sim',
      name,
      image: 'image:1',
      port: 80,
      stopGraceMs: 2_000,
      drain: { timeoutMs: 1_000 },
      restart: { startAttempts: null },
      resources: { gpu: { count: 1 } },
      replicas: { min: replicas, max: replicas, initial: replicas },
    };
    await this.world.ask(c => c.apply({ specs: [spec], origin: 's', dryRun: false }));
    await this.world.advance(20_000);
  }

  /** The replicas that run on each machine. */
  running(): string[][] {
    return this.world.nodes.map(({ machine }) =>
      [...machine.containers.values()]
        .filter(c => c.state === 'running' && c.instance === this.world.disk.instance)
        .map(c => c.request.replicaId),
    );
  }

  /** Lets the time pass, and looks that no device ever has two holders and no replica runs twice. */
  async pass(t: ExecutionContext, ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      await this.world.advance(500);
      const running = this.running();
      const isDouble = running.some(some => some.length > 1) || new Set(running.flat()).size < running.flat().length;
      if (isDouble) return t.fail(`${JSON.stringify(running)} after ${passed} ms`);
    }
  }

  #memberOf(i: number, node: string): Member {
    const { machine } = this.world.nodes[i]!;
    const engine = new WitnessedEngine(
      {
        clock: this.world.clock,
        node,
        on: machine,
        instance: this.world.disk.instance,
        cpus: 6,
        latencyMs: 7,
        deadlineMs: 5_000,
      },
      this.world.safety,
    );
    return { engine, profile: { ...LOCAL_PROFILE, connection: `fake://m${i}` } };
  }
}

test('a node that takes over the name of another one takes over nothing that is there', async t => {
  const machines = new NamedMachines(['a', 'b']);
  const { world } = machines;
  await world.begin();
  await machines.up('s', 2);
  const [[onFirst]] = machines.running() as [[string], [string]];
  machines.name('b', null);
  await machines.pass(t, 60_000);
  t.deepEqual(machines.running()[0], [onFirst], 'the one that was renamed goes on');
  const nodes = world.controlPlane.nodes();
  t.deepEqual(
    nodes.map(n => [n.name, n.connection, n.state]),
    [
      ['b', 'fake://m0', 'answering'],
      ['b (fake://m1)', 'fake://m1', 'leaving'],
    ],
  );
  // Nobody takes what is on the other; once somebody does, it goes.
  t.is(machines.running()[1]?.length, 1);
  machines.name('b', 'c');
  await machines.pass(t, 20_000);
  t.deepEqual(
    world.controlPlane.nodes().map(n => [n.name, n.state, n.replicas]),
    [
      ['b', 'answering', 1],
      ['c', 'answering', 1],
    ],
    'under a name again, it has what it had',
  );
  await world.end();
});

test('a machine that lost its name and does not answer is given up, and what comes instead goes elsewhere', async t => {
  const machines = new NamedMachines(['a', 'b', 'c']);
  const { world } = machines;
  await world.begin();
  await machines.up('s', 2);
  world.suffer('b', 'cut_down');
  machines.name('b', null, 'c');
  await world.advance(120_000);
  const [first, , third] = machines.running();
  t.deepEqual([first?.length, third?.length], [1, 1]);
  t.true(world.stored.replicas().every(r => r.phase.kind === 'ready'));
  await world.end();
});

test('names that were swapped when the process was killed are those of the same machines in the next life', async t => {
  const machines = new NamedMachines(['b', 'c']);
  const { world } = machines;
  await world.begin();
  await machines.up('s', 2);
  world.nodes[0]!.machine.setDaemon('hung');
  machines.name('c', 'b');
  // Nothing of it was stored yet.
  await world.crash();
  await world.begin();
  await machines.pass(t, 100_000);
  t.true(machines.running().every(some => some.length === 1));
  await world.end();
});

test('a drain goes with its machine where the process was killed while that was renamed', async t => {
  const machines = new NamedMachines(['a', 'b']);
  const { world } = machines;
  await world.begin();
  await world.ask(c => c.drainNode('b'));
  await world.advance(3_000);
  world.disk.faults.push('full');
  machines.name('a', 'n');
  await world.crash();
  await world.begin();
  await world.advance(10_000);
  t.deepEqual(
    world.controlPlane.nodes().map(n => [n.name, n.state]),
    [
      ['a', 'answering'],
      ['n', 'drained'],
    ],
  );
  await world.end();
});
