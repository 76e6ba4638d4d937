import { isAvailable } from '../../control-plane/core/replica.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { NAMESPACE, SimulatedWorld } from './simulated-world.ts';

export const GIB = 2 ** 30;

/** A world that has begun, of nodes with so many GPUs of 80 GiB each, in zones of their own names. */
export async function smallCluster(gpusOf: Readonly<Record<string, number>>): Promise<SimulatedWorld> {
  const nodes = Object.entries(gpusOf).map(([name, count]) => ({
    name,
    cpus: 6,
    devices: Array.from({ length: count }, (_, i) => ({
      id: `nvidia.com/gpu=${i}`,
      driver: 'cdi' as const,
      index: String(i),
      memoryBytes: 80 * GIB,
    })),
    labels: { zone: name },
  }));
  const world = new SimulatedWorld({ nodes, probesPassAfterMs: 700 });
  await world.begin();
  return world;
}

/** Applies a service and waits for a while. */
export async function up(
  world: SimulatedWorld,
  name: string,
  given: Partial<ServiceSpecInput>,
  forMs = 20_000,
): Promise<void> {
  const input = {
    namespace: NAMESPACE,
    name,
    image: 'image:1',
    port: 80,
    stopGraceMs: 2_000,
    drain: { timeoutMs: 0 },
    restart: { startAttempts: null },
    ...given,
  };
  await world.ask(c => c.apply({ specs: [input], origin: 'simulation', dryRun: false }));
  await world.advance(forMs);
}

export function sharing(gib: number): Pick<ServiceSpecInput, 'resources'> {
  return { resources: { gpu: { count: 1, memoryBytes: gib * GIB, exclusive: false } } };
}

export function exactly(count: number) {
  return { min: count, max: count, initial: count };
}

/** How many replicas of a service can be called. */
export function serving(world: SimulatedWorld, name: string): number {
  return world.stored.replicas().filter(r => r.service === `${NAMESPACE}/${name}` && isAvailable(r)).length;
}

/** Ids of the containers of a service that run. */
export function running(world: SimulatedWorld, name: string): string[] {
  return world
    .running()
    .filter(c => c.request.spec.name === name)
    .map(c => c.id);
}

/** How many of a service could be called at the least, seen ten times a second. */
export async function fewestServing(world: SimulatedWorld, name: string, forMs: number): Promise<number> {
  let fewest = serving(world, name);
  for (let passedMs = 0; passedMs < forMs; passedMs += 100) {
    await world.advance(100);
    fewest = Math.min(fewest, serving(world, name));
  }
  return fewest;
}

/** How long it takes until something is so, in steps of a second; null: it is not so within the time. */
export async function timeUntil(world: SimulatedWorld, isSo: () => boolean, withinMs: number): Promise<number | null> {
  for (let passedMs = 0; passedMs <= withinMs; passedMs += 1_000) {
    if (isSo()) return passedMs;
    await world.advance(1_000);
  }
  return null;
}
