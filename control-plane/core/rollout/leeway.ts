import type { Newcomer, Replica } from '../replica.ts';

/** What the nodes leave a rollout to do: which of its replicas still count, and what room there is for others. */
export interface Leeway {
  /** Its node was silent for too long: it is not waited for, and another one may be made in its place. */
  readonly isGivenUp: (replica: Replica) => boolean;
  /** Its node gives its replicas away. */
  readonly isMoving: (replica: Replica) => boolean;
  /** A newcomer of an update that is ready, and was not for long enough to count: see lifecycle/on-trial.ts. */
  readonly isOnTrial: (replica: Replica) => boolean;
  /**
   * Takes room for one more like it, on nodes that take replicas. No room is given twice, nor is that given which anybody
   * waits for. `awaits_image`: that has to be pulled there first. `untold`: it is too early to say, and nobody gives way yet.
   */
  readonly claimRoom: (replica: Replica) => 'claimed' | 'awaits_image' | 'none' | 'untold';
  /** It finds no room, and would if a node answered that has not been silent for long. */
  readonly mayFitSoon: (pending: Newcomer) => boolean;
  /**
   * What room there is for a replica that has no place, also once others have left; it is its own then.
   * @param old who may leave for it, the least worthy first
   * @param isTooMuch the room that these would make is not taken
   */
  readonly roomFrom: (
    pending: Newcomer,
    old: readonly Replica[],
    isTooMuch?: (leaving: readonly Replica[]) => boolean,
  ) => Room;
  /**
   * What room there is for one that has none, not even once all of the old ones have left: beside them idle ones of other
   * services may leave that are less important. Nobody else has that room where all of them leave in this step.
   * @param old who may leave for it, the least worthy first
   */
  readonly roomBesideIdle: (pending: Newcomer, old: readonly Replica[]) => Room;
  /**
   * Who has the memory that one of these waits for beside them, with a place of its own; nobody where nobody waits so.
   * @param old who may leave for it, the least worthy first
   */
  readonly memoryHolders: (placed: readonly Replica[], old: readonly Replica[]) => readonly Replica[];
}

export type Room =
  | { readonly kind: 'free' }
  /** It fits nowhere before these have left: the fewest of those asked about, of equally few the least worthy. */
  | { readonly kind: 'made'; readonly by: readonly Replica[] }
  /** The same, but idle replicas of other services have to leave with them; of its own it may need nobody's going. */
  | { readonly kind: 'made_beside'; readonly by: readonly Replica[]; readonly idle: readonly string[] }
  /** The same, but the image of the newcomer is not there yet: it is pulled first, and nobody leaves meanwhile. */
  | { readonly kind: 'awaits_image'; readonly by: readonly Replica[] }
  /** It would fit nowhere without all of them either, or without too many, or may not start. */
  | { readonly kind: 'none' }
  /** It is too early to say, and nobody gives way yet. */
  | { readonly kind: 'untold' };
