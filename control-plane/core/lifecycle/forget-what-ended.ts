import type { World } from '../world.ts';
import { isOver } from './farewells.ts';

/** Replicas that have stopped go, and services that are deleted once nothing of them is left to be cleaned. */
export function forgetWhatEnded(world: World): void {
  for (const replica of [...world.replicas.values()]) if (replica.phase.kind === 'stopped') world.delete(replica);
  // One after the other: of a namespace's services that go together, the last one has its networks to clean.
  for (const service of [...world.services.values()]) if (isOver(world, service)) world.services.delete(service.key);
}
