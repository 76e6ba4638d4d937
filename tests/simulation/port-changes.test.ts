import test from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { exactly, serving, up } from './small-cluster.ts';

const VERSIONS: readonly (readonly [string, Partial<ServiceSpecInput>, Partial<ServiceSpecInput>])[] = [
  ['loses its port', { port: 80 }, { port: undefined }],
  ['gets a port', { port: undefined }, { port: 80 }],
  ['has another port', { port: 80 }, { port: 81 }],
  ['leaves its networks', { port: 80 }, { port: 80, networkMode: 'none' }],
];

for (const registry of ['embedded', 'remote'] as const) {
  for (const [what, from, to] of VERSIONS) {
    test(`an update in which a service ${what} goes through (${registry})`, async t => {
      const nodes = [{ name: 'a', cpus: 6, devices: [], labels: {} }];
      const world = new SimulatedWorld({ registry, nodes, probesPassAfterMs: 700 });
      await world.begin();
      await up(world, 's', { ...from, replicas: exactly(2) });
      t.is(serving(world, 's'), 2);
      await up(world, 's', { ...to, image: 'image:2', replicas: exactly(2) }, 600_000);
      t.deepEqual(
        world.stored.replicas().map(r => [r.generation, r.phase.kind]),
        [2, 2].map(generation => [generation, 'ready']),
      );
      await world.end();
    });
  }
}
