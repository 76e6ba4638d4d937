import type { Desired } from '../core/desired.ts';
import type { Plan } from '../core/plan/plan.ts';
import { isLive, type Phase, type PhaseKind, placementOf, type Replica } from '../core/replica.ts';
import type { Service } from '../core/service.ts';
import type { Event } from '../ports.ts';
import { lackInWords } from '../views/lack-in-words.ts';
import { briefly } from '../views/pending-in-words.ts';
import { causeOf, drainInWords } from '../views/phase-in-words.ts';

/** What happened from one state to the next, for people. Pure. */
export function eventsBetween(
  before: Desired,
  after: Pick<Plan, 'services' | 'replicas' | 'nodes'>,
  now: number,
): Event[] {
  const events: Event[] = [];
  for (const replica of after.replicas.values()) {
    const old = before.replicas.get(replica.id);
    // All that it enters from then on follows from that.
    if (replica.returnedAt !== null && replica.returnedAt !== old?.returnedAt)
      events.push(finding(replica, replica.returnedAt));
    // A replica may pass several phases in one step; each was entered, so each is told.
    for (const { phase, at } of replica.timings.filter(
      t => !old?.timings.some(o => o.phase === t.phase && o.at === t.at),
    )) {
      const isPlaced = phase === 'pulling' || phase === 'creating';
      const message = isPlaced ? placeInWords(replica, phase) : messageFor(replica, phase, after.replicas);
      const about = isPlaced || phase === 'lost' ? nodeOf(replica) : {};
      events.push({ at, service: replica.service, replicaId: replica.id, ...about, type: `replica.${phase}`, message });
    }
    const impairment = impairmentChange(old, replica);
    if (impairment) events.push({ at: now, service: replica.service, replicaId: replica.id, ...impairment });
  }
  for (const old of before.replicas.values()) {
    if (!after.replicas.has(old.id)) {
      events.push({ at: now, service: old.service, replicaId: old.id, type: 'replica.stopped', message: '' });
    }
  }
  events.push(...quarantineEvents(before, after, now));
  for (const service of after.services.values()) {
    const told = rolloutEvent(before.services.get(service.key), service);
    if (told) events.push({ at: now, service: service.key, ...told });
  }
  for (const key of before.services.keys()) {
    if (!after.services.has(key)) events.push({ at: now, service: key, type: 'service.deleted', message: '' });
  }
  return events;
}

/** A device that was given back by hand was told by that command. */
function quarantineEvents(before: Desired, after: Pick<Plan, 'nodes'>, at: number): Event[] {
  const added = [...after.nodes.values()].flatMap(({ name: node, quarantined }) =>
    quarantined
      .filter(q => !before.nodes.get(node)?.quarantined.some(b => b.device === q.device))
      .map(q => ({ at, node, type: 'device.quarantined', message: `${q.device} is given to nobody: ${q.reason}` })),
  );
  const released = [...before.nodes.values()].flatMap(({ name: node, quarantined }) =>
    quarantined
      .filter(q => !after.nodes.get(node)?.quarantined.some(a => a.device === q.device))
      .map(q => ({ at, node, type: 'device.released', message: `${q.device} is given to replicas again` })),
  );
  return [...added, ...released];
}

/** Those that are not wanted any more leave at once. */
function finding(replica: Replica, at: number): Event {
  const probed = isLive(replica) ? '; it is probed anew' : '';
  const message = `its node is heard of again${probed}`;
  return { at, service: replica.service, replicaId: replica.id, ...nodeOf(replica), type: 'replica.found', message };
}

function nodeOf(replica: Replica): { node?: string } {
  const node = placementOf(replica)?.node;
  return node === undefined ? {} : { node };
}

/** Also of a phase that was passed through at once: its place is the one that the replica has now. */
function placeInWords(replica: Replica, phase: 'pulling' | 'creating'): string {
  const placement = placementOf(replica);
  if (!placement) return '';
  const { node, devices } = placement;
  const withDevices = devices.length > 0 ? ` with ${devices.join(', ')}` : '';
  return `${phase === 'pulling' ? 'placed ' : ''}on ${node}${withDevices}`;
}

/** @param entered the phase that is told of; what was passed through at once says no more than is known still */
function messageFor(replica: Replica, entered: PhaseKind, all: ReadonlyMap<string, Replica>): string {
  const { phase } = replica;
  if (entered !== phase.kind) return entered === 'failed' || entered === 'backoff' ? pastFailureInWords(phase) : '';
  switch (phase.kind) {
    case 'pending':
      return briefly(phase.reasons, lackInWords);
    case 'draining':
      return drainInWords(phase.reason, all.values());
    case 'lost':
      return `node ${phase.placement.node} does not answer, nor does its own probe pass`;
    default:
      return causeOf(replica)?.message ?? '';
  }
}

/** A failed update is rolled back in the pass that finds it, and its replicas leave. */
function pastFailureInWords(phase: Phase): string {
  const isLeaving = phase.kind === 'stopping' && phase.afterwards.kind === 'stopped';
  return (isLeaving && phase.afterwards.cause?.message) || '';
}

function impairmentChange(old: Replica | undefined, replica: Replica): { type: string; message: string } | null {
  if (old?.phase.kind !== 'ready' || replica.phase.kind !== 'ready' || old.phase.impaired === replica.phase.impaired)
    return null;
  return replica.phase.impaired
    ? { type: 'replica.impaired', message: 'the readiness probe fails; its endpoint is withdrawn' }
    : { type: 'replica.recovered', message: 'the readiness probe passes again' };
}

function rolloutEvent(old: Service | undefined, service: Service): { type: string; message: string } | null {
  if (!old || old.rollout.kind === service.rollout.kind) return null;
  switch (service.rollout.kind) {
    case 'settled':
      return { type: 'service.ready', message: `generation ${service.generation} is in place` };
    case 'rolled_back':
      return {
        type: 'service.rolled_back',
        message: `generation ${service.rollout.failed} failed: ${service.rollout.cause.message}; back to generation ${service.rollout.to}`,
      };
    case 'paused':
      return {
        type: 'service.paused',
        message: `generation ${service.generation} failed: ${service.rollout.cause.message}`,
      };
    case 'progressing':
      return null;
    default:
      return service.rollout satisfies never;
  }
}
