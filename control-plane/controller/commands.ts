import type { ApplyResult, RemoveRequest, ServiceRef } from '../control-plane.ts';
import { OutriggerError } from '../core/errors.ts';
import type { Replica } from '../core/replica.ts';
import type { Rollout, Service } from '../core/service.ts';
import { type ServiceKey, type ServiceSpec, serviceKey } from '../core/spec.ts';
import { canonicalJson, templateOf } from '../core/template.ts';
import type { Change, Event } from '../ports.ts';
import type { DesiredState } from './desired-state.ts';
import { refuseCycle } from './refuse-cycle.ts';
import { scaledPrevious } from './scaled-previous.ts';

/** What people and programs may ask for, as steps from one desired state to changes of it. Pure; the controller stores them. */
export interface Step<Result> {
  readonly changes: readonly Change[];
  readonly result: Result;
}

/** A spec that was validated and admitted. `imageId`: what its tag points to on the node now; null where it is not there. */
export interface AdmittedSpec {
  readonly spec: ServiceSpec;
  readonly imageId: string | null;
  readonly warnings: readonly string[];
}

/** Who asks: where it comes from, for people, and the id of the request, for whoever may have to take it back. */
export interface Asked {
  readonly origin: string;
  readonly requestId?: string | undefined;
}

export function applySpecs(
  state: DesiredState,
  admitted: readonly AdmittedSpec[],
  asked: Asked,
  now: number,
): Step<ApplyResult[]> {
  refuseCycle(
    state,
    admitted.map(a => a.spec),
  );
  const changes: Change[] = [];
  const result: ApplyResult[] = [];
  for (const { spec, imageId, warnings } of admitted) {
    const failed = [...state.replicas.values()].filter(
      r => r.service === serviceKey(spec) && r.phase.kind === 'failed',
    );
    const existing = state.services.get(serviceKey(spec));
    const step = applySpec({ existing, failed, admitted: { spec, imageId, warnings }, asked, now });
    changes.push(...step.changes);
    if (existing && step.result.outcome === 'scaled')
      changes.push(...scaledPrevious(state, existing, replicasAfter(existing, spec)));
    result.push(step.result);
  }
  return { changes, result };
}

function applySpec(request: {
  existing: Service | undefined;
  /** Replicas of the service that gave up. */
  failed: readonly Replica[];
  admitted: AdmittedSpec;
  asked: Asked;
  now: number;
}): Step<ApplyResult> {
  const { existing, failed, now } = request;
  const { origin, requestId = '' } = request.asked;
  const { spec, imageId, warnings } = request.admitted;
  const key = serviceKey(spec);
  const service = { namespace: spec.namespace, name: spec.name };
  if (!existing || existing.removal) {
    const generation = (existing?.latestGeneration ?? 0) + 1;
    const created: Service = {
      key,
      spec,
      imageId,
      generation,
      latestGeneration: generation,
      replicas: spec.replicas.initial,
      acceptedAt: now,
      removal: null,
      origin,
      createdBy: requestId,
      askedBy: requestId,
      rollout: { kind: 'progressing', since: now, previous: null },
    };
    return accepted(created, { service, outcome: 'created', generation, warnings }, now);
  }

  const replicas = replicasAfter(existing, spec);
  if (sameContainer(existing, spec, imageId)) {
    // A rollback is forgotten once somebody asks for what it went back to.
    const rollout: Rollout = existing.rollout.kind === 'rolled_back' ? { kind: 'settled' } : existing.rollout;
    const kept: Service = {
      ...existing,
      spec,
      imageId: imageId ?? existing.imageId,
      replicas,
      origin,
      askedBy: requestId,
      rollout,
    };
    const result = { service, generation: existing.generation, warnings };
    if (failed.length > 0) {
      // Asking again is asking to try again: replicas that gave up make way for new ones.
      const step = accepted(kept, { ...result, outcome: 'updated' }, now);
      const again = failed.map((replica): Change => ({ kind: 'put_replica', replica: { ...replica, replace: true } }));
      return { ...step, changes: [...step.changes, ...again] };
    }
    const { imageId: _i, origin: _o, askedBy: _a, ...wanted } = kept;
    if (canonicalJson({ ...existing, ...wanted }) === canonicalJson(existing)) {
      const isSilent = kept.imageId === existing.imageId && kept.askedBy === existing.askedBy;
      const silent: Change[] = isSilent ? [] : [{ kind: 'put_service', service: { ...kept, origin: existing.origin } }];
      // Asked again because the answer was lost: it is still the one that created it.
      const isRepeated = requestId !== '' && requestId === existing.createdBy && requestId === existing.askedBy;
      return { changes: silent, result: { ...result, outcome: isRepeated ? 'created' : 'unchanged' } };
    }
    return accepted(kept, { ...result, outcome: replicas === existing.replicas ? 'updated' : 'scaled' }, now);
  }

  const generation = existing.latestGeneration + 1;
  const updated: Service = {
    ...existing,
    spec,
    imageId,
    generation,
    latestGeneration: generation,
    replicas,
    acceptedAt: now,
    origin,
    askedBy: requestId,
    // The last generation that is known to work is what a failed one falls back to.
    rollout: {
      kind: 'progressing',
      since: now,
      previous: lastGood(existing),
    },
  };
  return accepted(updated, { service, outcome: 'updated', generation, warnings }, now);
}

function lastGood({ rollout, generation }: Service): number | null {
  return rollout.kind === 'progressing' || rollout.kind === 'paused' ? rollout.previous : generation;
}

/** A tag that points to another image is a change, though the file is the same; a paused update is tried anew. */
function sameContainer(existing: Service, spec: ServiceSpec, imageId: string | null): boolean {
  const sameImage = imageId === null || existing.imageId === null || imageId === existing.imageId;
  return sameImage && templateOf(existing.spec) === templateOf(spec) && existing.rollout.kind !== 'paused';
}

/** A plain number is what it says; within a range, the present scale is kept as far as the range allows. */
function replicasAfter(existing: Service, spec: ServiceSpec): number {
  const { min, max, initial } = spec.replicas;
  return min === max ? initial : Math.min(Math.max(existing.replicas, min), max);
}

function accepted(service: Service, result: ApplyResult, now: number): Step<ApplyResult> {
  const message = `${result.outcome}: generation ${service.generation}, ${service.replicas} replica(s) of ${service.spec.image}`;
  return {
    changes: [
      { kind: 'put_generation', service: service.key, generation: service.generation, spec: service.spec },
      { kind: 'put_service', service },
      { kind: 'event', event: serviceEvent(service.key, 'service.applied', message, now) },
    ],
    result,
  };
}

export function removeServices(state: DesiredState, request: RemoveRequest, now: number): Step<ServiceRef[]> {
  const chosen = chosenToRemove(state, request);
  const changes = chosen.flatMap((service): Change[] => {
    const volumes = service.removal?.volumes || request.volumes;
    const graceMs = request.graceMs ?? service.removal?.graceMs;
    if (service.removal?.volumes === volumes && service.removal.graceMs === graceMs) return [];
    const removal = { askedAt: now, volumes, ...(graceMs !== undefined && { graceMs }) };
    return [
      { kind: 'put_service', service: { ...service, removal } },
      {
        kind: 'event',
        event: serviceEvent(service.key, 'service.deleting', 'draining and removing all replicas', now),
      },
    ];
  });
  return { changes, result: chosen.map(s => ({ namespace: s.spec.namespace, name: s.spec.name })) };
}

/** With `askedBy`, what is gone, or has been asked for by somebody else since, is none of the request's, and no mistake. */
function chosenToRemove(state: DesiredState, { namespace, names, askedBy }: RemoveRequest): readonly Service[] {
  const all = [...state.services.values()].filter(s => s.spec.namespace === namespace);
  if (askedBy !== undefined) {
    return all.filter(s => s.askedBy === askedBy && (names.length === 0 || names.includes(s.spec.name)));
  }
  return names.length > 0 ? names.map(name => existingService(state, { namespace, name })) : all;
}

export function scaleService(state: DesiredState, ref: ServiceRef, replicas: number, now: number): Step<void> {
  const service = changeableService(state, ref);
  const { min, max } = service.spec.replicas;
  if (min !== max && (replicas < min || replicas > max)) {
    throw new OutriggerError(
      'invalid_argument',
      `${service.key} may have ${min} to ${max} replicas, ${replicas} were asked for`,
      {
        next: 'choose a number in the range, or change x-outrigger.replicas in the service file',
      },
    );
  }
  const previous = scaledPrevious(state, service, replicas);
  if (replicas === service.replicas) return { changes: previous, result: undefined };
  const spec: ServiceSpec =
    min === max
      ? { ...service.spec, replicas: { ...service.spec.replicas, min: replicas, max: replicas, initial: replicas } }
      : service.spec;
  const scaled: Service = { ...service, spec, replicas };
  const message = `scaled from ${service.replicas} to ${replicas} replica(s)`;
  return {
    changes: [
      { kind: 'put_service', service: scaled },
      { kind: 'put_generation', service: service.key, generation: service.generation, spec },
      ...previous,
      { kind: 'event', event: serviceEvent(service.key, 'service.scaled', message, now) },
    ],
    result: undefined,
  };
}

export function restartService(
  state: DesiredState,
  ref: ServiceRef,
  replicaId: string | undefined,
  now: number,
): Step<void> {
  const service = changeableService(state, ref);
  const own = [...state.replicas.values()].filter(r => r.service === service.key);
  const chosen = replicaId === undefined ? own : own.filter(r => r.id === replicaId);
  if (replicaId !== undefined && chosen.length === 0) {
    throw new OutriggerError('not_found', `${service.key} has no replica ${replicaId}`, {
      next: `it has ${own.map(r => r.id).join(', ') || 'none'}; see outrigger ps`,
    });
  }
  const which = replicaId === undefined ? 'all replicas' : `replica ${replicaId}`;
  return {
    changes: [
      ...chosen.map((replica): Change => ({ kind: 'put_replica', replica: { ...replica, replace: true } })),
      { kind: 'event', event: serviceEvent(service.key, 'service.restarting', `replacing ${which}`, now) },
    ],
    result: undefined,
  };
}

function existingService(state: DesiredState, ref: ServiceRef): Service {
  const service = state.services.get(serviceKey(ref));
  if (service) return service;
  const siblings = [...state.services.values()].filter(s => s.spec.namespace === ref.namespace).map(s => s.spec.name);
  throw new OutriggerError('not_found', `there is no service ${ref.name} in namespace ${ref.namespace}`, {
    next:
      siblings.length > 0
        ? `the namespace has ${siblings.join(', ')}`
        : 'see outrigger ps --all-projects for what there is',
  });
}

/** One whose wishes would come true: not on its way out, and not held by a failed update. */
function changeableService(state: DesiredState, ref: ServiceRef): Service {
  const service = existingService(state, ref);
  if (service.removal) {
    throw new OutriggerError('conflict', `${service.key} is being taken down`, {
      next: 'wait until it is gone and start it again with outrigger up',
    });
  }
  if (service.rollout.kind === 'paused') {
    throw new OutriggerError(
      'conflict',
      `${service.key} is paused: its update to generation ${service.generation} failed`,
      {
        next: 'mend the service file and run outrigger up; the same file again tries the update once more',
      },
    );
  }
  return service;
}

function serviceEvent(service: ServiceKey, type: string, message: string, now: number): Event {
  return { at: now, service, type, message };
}
