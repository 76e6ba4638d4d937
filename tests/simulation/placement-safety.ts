import { heldPlacement, type PhaseOf, type Placement, type Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import { setupId } from './device-names.ts';
import { lacksMemory } from './device-safety.ts';
import { type Holder, nodeWithRoom } from './room.ts';
import { type Broken, isCurrent, isLeaving, nodeOf, placementInUse, type Scene, serves } from './scene.ts';
import type { Stored } from './witness.ts';

/** A replica was just given this placement: whether its node and its devices may be given at all. */
export function checkPlaced(
  scene: Scene,
  replica: Replica,
  placement: Placement,
  stored: Stored,
  broken: Broken,
): void {
  const node = nodeOf(scene, placement.node);
  const spec = stored.specOf(replica.service, replica.generation);
  const on = `${replica.id} was placed on ${placement.node}`;
  if (!node || !spec) {
    broken('placement', `${on}, which nobody knows`);
    return;
  }
  const record = stored.node(node.name);
  if (!node.configured) broken('placement', `${on}, which is not configured any more`);
  if (record && record.drainingSince !== null) broken('placement', `${on}, which is drained`);
  for (const { device } of record?.quarantined ?? [])
    if (placement.devices.some(d => setupId(d) === setupId(device)))
      broken('placement', `${on} with ${device}, which is quarantined`);
  const zone = /^node\.labels\.zone\s*==\s*(\S+)$/.exec(spec.placement.constraints[0] ?? '')?.[1];
  if (zone !== undefined && node.setup.labels?.['zone'] !== zone) broken('placement', `${on}, outside of zone ${zone}`);
  const { maxPerNode } = spec.placement;
  const there = stored.replicasOf(replica.service).filter(r => placementInUse(r)?.node === node.name);
  if (maxPerNode !== undefined && there.length > maxPerNode)
    broken('placement', `${on}, where ${there.length} of ${replica.service} are now and ${maxPerNode} may be`);
  const { gpu } = spec.resources;
  for (const id of placement.devices) {
    const device = node.setup.devices.find(d => d.id === setupId(id));
    if (gpu?.models.length && !gpu.models.some(m => device?.model?.includes(m)))
      broken('placement', `${on} with ${id}, which is ${device?.model}`);
  }
  const count = gpu === undefined ? 0 : gpu.count;
  if (count >= 0 && placement.devices.length !== count)
    broken('placement', `${on} with ${placement.devices.length} devices, it needs ${count}`);
}

/**
 * A replica that is wanted was told to leave: only where enough others are left, and never the healthy newest in favour
 * of one that was lost and came back. Invariant 3.
 */
export function checkDrain(
  scene: Scene,
  {
    before,
    after,
    service,
    stored,
  }: { before: Replica | null; after: Replica; service: Service | null; stored: Stored },
  broken: Broken,
): void {
  if (!service || service.removal) return;
  const { reason } = after.phase as PhaseOf<'draining'>;
  const wasServing = before !== null && serves(before) && isWell(scene, before);
  if (reason === 'replaced') {
    if (wasServing) checkReplaced(scene, { after, service, stored }, broken);
    return;
  }
  if (!isCurrent(after, service.generation)) return;
  const others = stored
    .replicasOf(service.key)
    .filter(r => r.id !== after.id && isCurrent(r, service.generation) && !isLeaving(r) && r.phase.kind !== 'lost');
  const left = `${others.length} of ${service.replicas} are left`;
  switch (reason) {
    case 'preempted':
      checkPreempted(scene, after, stored, broken);
      return;
    case 'moved': {
      if (!isEmptying(scene, after, stored)) broken('3', `${after.id} was moved off a node that keeps its replicas`);
      // Under a paused update both versions serve.
      const isPaused = service.rollout.kind === 'paused';
      const all = stored.replicasOf(service.key).filter(r => r.id !== after.id && !isLeaving(r));
      const serving = (isPaused ? all : others).filter(serves).length;
      if (wasServing && serving < fewestServing(service))
        broken('3', `${after.id} was moved while ${serving} of ${service.replicas} others serve`);
      return;
    }
    case 'scaled_down':
    case 'deleted': {
      if (others.length < service.replicas) broken('3', `${after.id} of ${service.key} was told to leave, and ${left}`);
      if (!wasServing || after.returnedAt !== null || isEmptying(scene, after, stored)) return;
      const kept = others.find(r => !serves(r) || r.returnedAt !== null);
      if (reason === 'scaled_down' && kept)
        broken('3', `${after.id} serves and was told to leave; ${kept.id} is ${describe(kept)} and stays`);
      return;
    }
    default:
      reason satisfies never;
  }
}

/** How many have to serve at any moment of an update. Where no more than are wanted may be there, one may be missing. */
function fewestServing({ replicas, spec }: Service): number {
  const { order, maxSurge, maxUnavailable } = spec.update;
  const surges = order === 'start-first' && maxSurge > 0;
  return replicas - (surges ? maxUnavailable : Math.max(1, maxUnavailable));
}

/**
 * An old one that serves makes way: while enough serve without it, of whichever generation; or as one of the few that a new
 * one needs gone, as that fits nowhere beside them. Then nobody else may be missing.
 */
function checkReplaced(
  scene: Scene,
  { after, service, stored }: { after: Replica; service: Service; stored: Stored },
  broken: Broken,
): void {
  const { key, generation, replicas, spec } = service;
  if (isCurrent(after, generation)) broken('3', `${after.id} of ${key} is current and was replaced`);
  const all = stored.replicasOf(key).filter(r => r.phase.kind !== 'stopped');
  const staying = all.filter(r => !isLeaving(r));
  const left = staying.filter(serves).length;
  if (left >= fewestServing(service)) return;
  // Who leaves at the same time leaves for the same one, also where nothing has to be waited for before its stop.
  const together = all.filter(r => isLeaving(r) && toldToLeaveAt(r) === after.phase.since);
  const current = staying.filter(r => isCurrent(r, generation));
  // One that has a place by what is declared may need the memory of others there: if nobody is missing, those go.
  const isShort = current.some(r => lacksMemory(scene, r, spec.resources.gpu));
  if (isShort && left + together.length >= replicas) return;
  const was = `${after.id} of ${key} was replaced while ${left} of ${replicas} others serve`;
  const room = nodeWithRoom(
    { nodes: scene.nodes, stored, running: () => holders(stored) },
    spec,
    // What leaves of other services leaves for their own.
    ({ replica }) => replica.id === after.id || replica.service !== key || !isLeaving(replica),
  );
  // What waits of other services, or comes for what leaves of them, may have been promised that room. A new one may have
  // taken it at this very moment, for the room that this one leaves then goes to them. That one could not serve on until the
  // new one does: whoever was promised room would wait for another service's update, which may never come to its end.
  const isPromised = stored.replicas().some(r => r.service !== key && (r.phase.kind === 'pending' || isMakingWay(r)));
  const isUnplaced = ({ phase }: Replica) =>
    phase.kind === 'pending' ||
    (isPromised && (phase.kind === 'pulling' || phase.kind === 'creating') && phase.since === after.phase.since);
  if (room && !isPromised) broken('3', `${was}, and a new one has room on ${room.name}`);
  if (current.filter(r => !isUnplaced(r)).length >= replicas) broken('3', `${was}, and nobody waits for a place`);
  if (left + together.length > fewestServing(service)) return;
  const missing = [
    ...current.filter(r => !isUnplaced(r) && !serves(r)),
    ...all.filter(r => isLeaving(r) && !together.includes(r)),
  ].filter(r => isInSight(scene, r));
  if (missing.length > 0) broken('3', `${was}, and ${missing.map(r => `${r.id} (${describe(r)})`)} is awaited`);
}

function toldToLeaveAt({ timings }: Replica): number | undefined {
  return timings.findLast(({ phase }) => phase === 'draining')?.at;
}

/** It leaves for others of its service. */
function isMakingWay({ phase }: Replica): boolean {
  const reason =
    phase.kind === 'draining'
      ? phase.reason
      : phase.kind === 'stopping' && phase.afterwards.kind === 'stopped'
        ? phase.afterwards.reason
        : undefined;
  return reason === 'replaced' || reason === 'moved';
}

/**
 * What is lost, or on a node that does not answer or has not for long, is not waited for; what is only cleared away there
 * neither, though it takes nothing of it.
 */
function isInSight(scene: Scene, replica: Replica): boolean {
  const name = heldPlacement(replica)?.node;
  const node = name === undefined ? undefined : nodeOf(scene, name);
  const isNoticed = node?.plight === 'fine' && scene.now() - node.plightSince >= NOTICED_WITHIN_MS;
  return replica.phase.kind !== 'lost' && (name === undefined || (node?.configured === true && isNoticed));
}

function holders(stored: Stored): (Holder & { readonly replica: Replica })[] {
  return stored.replicas().flatMap(replica => {
    const placement = placementInUse(replica);
    const spec = stored.specOf(replica.service, replica.generation);
    return placement && spec ? [{ replica, request: { placement, spec } }] : [];
  });
}

/** Room is made for somebody more important, by one that nobody called for a while and that may be gone. */
function checkPreempted(scene: Scene, replica: Replica, stored: Stored, broken: Broken): void {
  const spec = stored.service(replica.service)?.spec;
  const { phase } = replica;
  if (!spec || phase.kind !== 'draining') return;
  const load = scene.health.load.get(phase.container.id);
  const idleForMs = load?.inFlight === 0 ? scene.now() - load.since : -1;
  if (idleForMs < (spec.idleTimeoutMs ?? 30_000) - 1_000)
    broken('3', `${replica.id} was told to make room, idle for ${idleForMs} ms`);
  if (spec.replicas.min > 0)
    broken('3', `${replica.id} was told to make room, and its service wants ${spec.replicas.min}`);
  // Without surge there is none yet where a more important one leaves at the same moment for its successor.
  const isAwaited = (r: Replica) =>
    r.phase.kind === 'pending' || (isMakingWay(r) && toldToLeaveAt(r) === phase.since && !isRoomy(stored, r));
  const higher = stored
    .replicas()
    .some(r => isAwaited(r) && (stored.specOf(r.service, r.generation)?.priority ?? 0) > spec.priority);
  if (!higher) broken('3', `${replica.id} was told to make room, and nobody more important waits`);
}

/** More than are wanted may be there at a time. */
function isRoomy(stored: Stored, { service }: Replica): boolean {
  const update = stored.service(service)?.spec.update;
  return update?.order === 'start-first' && update.maxSurge > 0;
}

/** Its probes pass, and not only as far as was known when it was last stored. */
function isWell({ health }: Scene, { phase }: Replica): boolean {
  const id = 'container' in phase ? (phase.container?.id ?? '') : '';
  return !health.unready.has(id) && !health.hung.has(id) && health.cutSince(id) === null;
}

function isEmptying(scene: Scene, replica: Replica, stored: Stored): boolean {
  const name = placementInUse(replica)?.node ?? '';
  const drained = stored.node(name)?.drainingSince ?? null;
  return drained !== null || nodeOf(scene, name)?.configured !== true;
}

function describe({ phase, returnedAt }: Replica): string {
  return `${phase.kind}${returnedAt === null ? '' : ', came back'}`;
}

/** A node that is back is asked every second, and has five for its answer. */
const NOTICED_WITHIN_MS = 6_000;
