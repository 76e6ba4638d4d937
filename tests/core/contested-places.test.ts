import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import type { Phase } from '../../control-plane/core/replica.ts';
import { contestedPlaces } from '../../control-plane/core/waiting/contested-places.ts';
import { World } from '../../control-plane/core/world.ts';
import { aNode, aReplica, phaseOf, seen } from './replicas.ts';
import { aSpec } from './specs.ts';

const GIB = 2 ** 30;
const NOW = 1_000;
const GPU: ObservedDevice = { id: 'nvidia.com/gpu=0', driver: 'cdi' };
const placement = { node: 'local', devices: [GPU.id] };
const WHOLE = aSpec({ resources: { gpu: {} } });

/** Which of the replicas, all of them on the one device, lose it; by their place in the row. */
function contested(phases: readonly Phase[], spec = WHOLE, device = GPU): number[] {
  const replicas = phases.map((phase, i) => aReplica(phase, { id: `r${i}` }));
  const generations = [{ service: 'ns/svc' as const, generation: 1, spec }];
  const state = DesiredState.from({ services: [], replicas, nodes: [], generations });
  const world = new World(state, seen({ nodes: [aNode({ devices: [device] })] }), {
    now: NOW,
    policy: DEFAULT_NODE_POLICY,
  });
  return [...contestedPlaces(world)].map(id => Number(id.slice(1))).sort();
}

const pulling = (since: number) => phaseOf('pulling', since, { placement });
const creating = (since: number) => phaseOf('creating', since, { placement });
const backoff = (until: number) => phaseOf('backoff', 1, { placement, until });

test('of those that are to begin on one device who is furthest keeps it, and of equals who has had it for longer', t => {
  t.deepEqual(contested([pulling(10), creating(20)]), [0]);
  t.deepEqual(contested([creating(20), pulling(10)]), [1]);
  t.deepEqual(contested([creating(20), creating(10)]), [0]);
  t.deepEqual(contested([pulling(10), pulling(20), pulling(30)]), [1, 2]);
});

test('what runs, and what waits for its back-off, keeps its device from whoever is to begin', t => {
  t.deepEqual(contested([phaseOf('ready', 500, { placement }), creating(10)]), [1]);
  t.deepEqual(contested([backoff(NOW + 1), creating(10)]), [1]);
  t.deepEqual(contested([backoff(NOW), creating(10)]), [0], 'once that is over it begins like others');
});

test('several share a device of whose memory nothing is known, and no more than it has where that is known', t => {
  const share = aSpec({ resources: { gpu: { memoryBytes: 50 * GIB, exclusive: false } } });
  t.deepEqual(contested([creating(10), creating(20)], share), []);
  t.deepEqual(contested([creating(10), creating(20)], share, { ...GPU, memoryBytes: 80 * GIB }), [1]);
  t.deepEqual(contested([creating(10), creating(20)], share, { ...GPU, memoryBytes: 100 * GIB }), []);
});
