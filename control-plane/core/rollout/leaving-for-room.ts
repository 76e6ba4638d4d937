import type { Newcomer, Replica } from '../replica.ts';
import type { Leeway } from './leeway.ts';

export interface LeavingForRoom {
  readonly leaving: readonly Replica[];
  /** Idle replicas of other services, by id, who leave with all of them, or stay if any of them does. */
  readonly idle: readonly string[];
  /** Some stay, as their successors would find no room. */
  readonly isHeld: boolean;
}

/**
 * Of those that would leave before their successors are made, the ones whose successors have room; where none has, one of
 * them, if idle replicas of other services may leave with it for that.
 * @param some the first leaves first
 * @param options.successor one of their successors; null: nobody else leaves for it at present
 */
export function leavingForRoom(
  some: readonly Replica[],
  { claimRoom, roomBesideIdle }: Pick<Leeway, 'claimRoom' | 'roomBesideIdle'>,
  { successor }: { readonly successor: Newcomer | null },
): LeavingForRoom {
  const asked = some.map(replica => ({ replica, room: claimRoom(replica) }));
  const leaving = asked.filter(a => a.room === 'claimed').map(a => a.replica);
  const isHeld = asked.some(a => a.room === 'none' || a.room === 'awaits_image');
  const without = asked.find(a => a.room === 'none')?.replica;
  if (leaving.length > 0 || !without || !successor) return { leaving, idle: [], isHeld };
  const room = roomBesideIdle(successor, []);
  if (room.kind !== 'made_beside') return { leaving, idle: [], isHeld };
  return { leaving: [without], idle: room.idle, isHeld: false };
}
