import { isAvailable, type Replica } from '../replica.ts';

/**
 * It serves, or did and may again at any moment: that its probes do not pass at present, or its node does not answer, may be
 * no fault of its own and over in a second, while a successor has to load first.
 */
export function mayServe(replica: Replica): boolean {
  const { kind } = replica.phase;
  return isAvailable(replica) || kind === 'ready' || ((kind === 'lost' || kind === 'starting') && replica.hasServed);
}
