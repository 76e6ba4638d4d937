import type { Replica } from '../../control-plane/core/replica.ts';
import type { Leaving } from './as-told-to-leave.ts';
import { type Broken, isWell, type Scene, serves } from './scene.ts';

/**
 * A replica that serves was told to leave: not while a registry that does not answer hands it out, unless it is let go of
 * or its place is needed by somebody more important. Decision 0010.
 */
export function checkLeftFor(
  scene: Scene,
  { before, after }: { readonly before: Replica | null; readonly after: Leaving },
  broken: Broken,
): void {
  const { reason, container } = after.phase;
  if (reason === 'deleted' || reason === 'preempted') return;
  if (before === null || !serves(before) || !isWell(scene, before)) return;
  const { remote } = scene;
  if (!remote || remote.status().healthy || !isHandedOut(scene, after.id, container.id)) return;
  broken('0010', `${after.id} was told to leave (${reason}), and the registry that is away has it`);
}

/** It serves on for as long as the registry hands it out, however long it drains already. */
export function checkLetGo(scene: Scene, replica: Replica, broken: Broken): void {
  const id = 'container' in replica.phase ? replica.phase.container?.id : undefined;
  if (id === undefined || !isWell(scene, replica) || !isHandedOut(scene, replica.id, id)) return;
  broken('0010', `${replica.id} was stopped, and the registry hands it out`);
}

function isHandedOut({ remote }: Scene, replicaId: string, containerId: string): boolean {
  return remote?.handedOut(replicaId)?.metadata['container'] === containerId;
}
