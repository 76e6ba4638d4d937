import { type Action, createAction, createKey, pullAction } from '../actions.ts';
import { isRemoved } from '../is-removed.ts';
import type { ObservedContainer } from '../observed.ts';
import { isNamedByUs, type LocatedContainer } from '../own-containers.ts';
import { containerOf, type Replica } from '../replica.ts';
import type { World } from '../world.ts';

/** What carries one replica on, and ends those of its containers that it has no use for. */
export function actionsFor(world: World, replica: Replica): Action[] {
  const { phase } = replica;
  const spec = world.specOf(replica);
  const graceMs = world.services.get(replica.service)?.removal?.graceMs ?? spec.stopGraceMs;
  const containers = world.reachableContainersOf(replica).filter(l => !isRemoved(l.container.id, world.observed));
  const stale = containers.filter(l => isStale(world, replica, l)).map(l => endAction(l, replica, graceMs));
  switch (phase.kind) {
    case 'pulling':
      return [...stale, pullAction(phase.placement.node, spec)];
    case 'creating':
      // At most one container a replica: what is left of an earlier attempt goes first.
      return stale.length > 0 ? stale : [createAction(replica, phase.placement, spec)];
    case 'starting': {
      const { node } = phase.placement;
      const seen = containers.find(l => l.container.id === phase.container.id)?.container;
      if (seen && seen.state !== 'created') return stale;
      // What the engine would give it has to be known: a machine that was silent may have numbered its devices anew.
      if (phase.placement.devices.length > 0 && world.nodes.hasDevices(phase.placement) !== true) return stale;
      const { id: replicaId, attempt } = replica;
      return [...stale, { kind: 'start', node, replicaId, attempt, containerId: phase.container.id }];
    }
    case 'stopping': {
      // What is being made is not known to its engine yet, which may say that it does not exist.
      const isMaking = world.observed.effects.get(createKey(replica))?.kind === 'under_way';
      const made = containers.filter(
        ({ container: c }) => !(isMaking && c.attempt === replica.attempt && c.state === 'created'),
      );
      const ending =
        phase.afterwards.kind === 'stopped'
          ? made
          : containers.filter(l => l.container.id === phase.container?.id && l.container.state === 'running');
      return ending.map(l => endAction(l, replica, graceMs));
    }
    case 'pending':
    case 'warming':
    case 'ready':
    case 'draining':
    case 'backoff':
    case 'failed':
    case 'lost':
      return stale;
    case 'stopped':
      return [];
    default:
      return phase satisfies never;
  }
}

/** Containers of this instance that belong to no replica any more: what a crash between two steps can leave. */
export function orphanActions(world: World): Action[] {
  return [...world.observed.nodes.values()].flatMap(({ name: node, containers }) =>
    containers
      .filter(c => isNamedByUs(c) && !world.replicas.has(c.replicaId) && !isRemoved(c.id, world.observed))
      .map(container => endAction({ node, container }, { id: container.replicaId, attempt: container.attempt })),
  );
}

/** It is not the replica's present container and never will be. What ended stays for its logs until the next attempt. */
function isStale(world: World, replica: Replica, { node, container }: LocatedContainer): boolean {
  const { phase } = replica;
  switch (phase.kind) {
    case 'pending':
      return container.state !== 'exited' || isLeaving(world, node);
    case 'pulling':
      // One that was only created may be for devices that the replica has given up.
      return node !== phase.placement.node || container.state !== 'exited';
    case 'backoff':
      return node !== phase.placement.node;
    case 'creating':
      return node !== phase.placement.node || container.attempt !== replica.attempt;
    case 'failed':
      // Whoever starts it by hand starts it on devices that others may hold by now.
      return node !== phase.placement.node || container.state === 'running' || isLeaving(world, node);
    case 'starting':
    case 'warming':
    case 'ready':
    case 'draining':
    case 'lost':
      return container.id !== containerOf(replica)?.id && container.attempt < replica.attempt;
    case 'stopping':
    case 'stopped':
      return false;
    default:
      return phase satisfies never;
  }
}

/** A node that leaves is left clean. */
function isLeaving(world: World, node: string): boolean {
  return world.observed.nodes.get(node)?.leaving === true;
}

/** Stops what runs, removes what does not. */
function endAction(
  { node, container }: { readonly node: string; readonly container: ObservedContainer },
  replica: { readonly id: string; readonly attempt: number },
  graceMs = 10_000,
): Action {
  const common = { node, replicaId: replica.id, attempt: replica.attempt, containerId: container.id };
  return container.state === 'running' ? { kind: 'stop', ...common, graceMs } : { kind: 'remove', ...common };
}
