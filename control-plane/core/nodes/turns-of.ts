import type { World } from '../world.ts';
import { type DeviceTurns, deviceTurns } from './device-turns.ts';

/** Whose turn it is on the shared devices, at this point of a pass. */
export function turnsOf(world: World): DeviceTurns {
  const { replicas, observed, now } = world;
  const specOf = (...of: Parameters<World['keptSpec']>) => world.keptSpec(...of);
  return deviceTurns({ replicas, specOf, isLeftAlone: service => world.isLeftAlone(service) }, observed, now);
}
