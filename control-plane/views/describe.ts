import type { DesiredState } from '../controller/desired-state.ts';
import { actionKey, containerName, createAction, pullAction, startKey } from '../core/actions.ts';
import { deviceTurns } from '../core/nodes/device-turns.ts';
import { imageKey, type Observed } from '../core/observed.ts';
import {
  type Cause,
  containerOf,
  type DrainReason,
  isAvailable,
  isLive,
  placementOf,
  type Replica,
} from '../core/replica.ts';
import type { Service } from '../core/service.ts';
import type { ServiceSpec } from '../core/spec.ts';
import { untidyNodes } from '../core/waiting/cluster-in.ts';
import { maskSpec } from './mask-spec.ts';
import { briefly } from './pending-in-words.ts';
import { placeTakers } from './place-takers.ts';
import type { ReplicaView, ServiceState, ServiceView } from './views.ts';

/** The state in words for people and programs. Pure. */
export function describeServices(state: DesiredState, observed: Observed): ServiceView[] {
  const byService = Map.groupBy(state.replicas.values(), r => r.service);
  // Whose turn it is does not depend on the time, only when to look again does.
  const { waiting } = deviceTurns(state, observed, 0);
  const untidy = [...state.replicas.values()].some(isCreatedWithDevices)
    ? untidyNodes({ observed, replicas: state.replicas })
    : new Set<string>();
  return [...state.services.values()]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(service => describeService(service, byService.get(service.key) ?? [], { state, observed, waiting, untidy }));
}

interface Scene {
  readonly state: DesiredState;
  readonly observed: Observed;
  /** What replicas wait for on devices that they share, by replica id. */
  readonly waiting: ReadonlyMap<string, string>;
  /** Where something of an earlier time ends before anything is created with a device. */
  readonly untidy: ReadonlySet<string>;
}

function describeService(service: Service, replicas: readonly Replica[], scene: Scene): ServiceView {
  const { state, observed } = scene;
  const { spec } = service;
  const ordered = [...replicas].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  const takers = placeTakers(service, replicas, scene);
  const views = ordered.map(r => {
    const view = describeReplica(r, state.specOf(r.service, r.generation) ?? spec, scene);
    const purpose = takers.get(r.id);
    return purpose === undefined ? view : { ...view, message: [purpose, view.message].filter(Boolean).join('; ') };
  });
  const readyReplicas = replicas.filter(isAvailable).length;
  const serviceState = stateOf(service, replicas, observed);
  return {
    namespace: spec.namespace,
    name: spec.name,
    generation: service.generation,
    image: spec.image,
    protocol: spec.protocol,
    ...(spec.port === undefined ? {} : { port: spec.port }),
    wantedReplicas: service.removal ? 0 : service.replicas,
    readyReplicas,
    state: serviceState,
    message: messageOf(service, serviceState, { replicas: views, observed }),
    deleting: service.removal !== null,
    origin: service.origin,
    acceptedAtMs: service.acceptedAt,
    replicas: views,
    ...describeRollout(service),
    spec: maskSpec(spec),
  };
}

/** A failed update keeps its cause, though the replica that showed it is gone. */
function describeRollout({ rollout, generation }: Service): Pick<ServiceView, 'failedRollout'> {
  if (rollout.kind !== 'rolled_back' && rollout.kind !== 'paused') return {};
  const { message, exitCode, logTail } = rollout.cause;
  return {
    failedRollout: {
      generation: rollout.kind === 'rolled_back' ? rollout.failed : generation,
      rolledBack: rollout.kind === 'rolled_back',
      message,
      ...(exitCode === undefined ? {} : { exitCode }),
      logTail,
    },
  };
}

function stateOf(service: Service, replicas: readonly Replica[], observed: Observed): ServiceState {
  if (service.removal) return 'deleting';
  const current = replicas.filter(r => isLive(r) && r.generation === service.generation);
  const ready = current.filter(isAvailable).length;
  if (service.rollout.kind === 'paused') return 'failed';
  if (current.some(r => r.phase.kind === 'failed')) return ready > 0 ? 'degraded' : 'failed';
  if (service.rollout.kind === 'progressing') return service.rollout.previous === null ? 'starting' : 'updating';
  // Replicas on their way out are part of a change that is not over, even where enough others serve.
  const leaving = replicas.some(
    r => (!isLive(r) || r.generation !== service.generation || r.replace) && !isOutOfSight(r, observed),
  );
  if (leaving) return 'updating';
  return ready >= service.replicas ? 'ready' : 'degraded';
}

/** It ends when its node is back, while others serve elsewhere: no part of a change that is under way. */
function isOutOfSight(replica: Replica, { nodes }: Observed): boolean {
  const node = placementOf(replica)?.node;
  if (isLive(replica) || node === undefined || nodes.get(node)?.answering) return false;
  return [...nodes.values()].some(n => n.answering);
}

function messageOf(
  service: Service,
  state: ServiceState,
  { replicas, observed }: { replicas: readonly ReplicaView[]; observed: Observed },
): string {
  const { rollout } = service;
  if (rollout.kind === 'paused')
    return `update to generation ${service.generation} failed and is paused: ${rollout.cause.message}`;
  const used = new Set(replicas.map(r => r.node));
  const silent = [...observed.nodes.values()].find(
    n => !n.answering && (used.has(n.name) || observed.nodes.size === 1),
  );
  if (silent)
    return `node ${silent.name} does not answer (${silent.error ?? 'unknown reason'}); what runs there is left alone`;
  if (state === 'deleting' && replicas.length === 0) return farewellInWords(observed);
  if (rollout.kind === 'rolled_back') {
    return `generation ${rollout.failed} failed (${rollout.cause.message}); rolled back to generation ${rollout.to}`;
  }
  if (state === 'ready') return '';
  return (
    replicas.find(r => r.phase === 'failed' || r.phase === 'backoff')?.message ??
    replicas.find(r => r.message !== '')?.message ??
    ''
  );
}

/** A node that is away keeps the last service of a project in sight, see core/farewells.ts. */
function farewellInWords({ nodes }: Observed): string {
  const silent = [...nodes.values()].filter(n => !n.answering).map(n => `${n.name} (${n.error ?? 'unknown reason'})`);
  return silent.length === 0 ? '' : `its networks and volumes are still to be removed on ${silent.join(', ')}`;
}

function describeReplica(replica: Replica, spec: ServiceSpec, scene: Scene): ReplicaView {
  const { observed, waiting } = scene;
  const { phase } = replica;
  const placement = placementOf(replica);
  const container = containerOf(replica);
  const cause = causeOf(replica);
  const image =
    placement && phase.kind === 'pulling' ? observed.images.get(imageKey(pullAction(placement.node, spec))) : undefined;
  return {
    id: replica.id,
    generation: replica.generation,
    image: spec.image,
    phase: phase.kind,
    sinceMs: phase.since,
    message: waiting.get(replica.id) ?? replicaMessage(replica, spec, scene),
    ...(placement ? { node: placement.node } : {}),
    devices: placement?.devices ?? [],
    ...(container ? { containerId: container.id } : {}),
    containerName: containerName(replica.service, replica.id),
    attempt: replica.attempt,
    impaired: phase.kind === 'ready' && phase.impaired,
    ...(phase.kind === 'backoff' ? { retryAtMs: phase.until } : {}),
    ...(cause?.exitCode === undefined ? {} : { exitCode: cause.exitCode }),
    logTail: cause?.logTail ?? [],
    addresses: phase.kind === 'ready' || phase.kind === 'draining' ? replica.addresses : [],
    ...(image?.kind === 'pulling' ? { pulledBytes: image.receivedBytes, pullTotalBytes: image.totalBytes } : {}),
    createdAtMs: replica.createdAt,
    timings: replica.timings.map(t => ({ phase: t.phase, enteredAtMs: t.at })),
  };
}

export function drainInWords(reason: DrainReason): string {
  switch (reason) {
    case 'scaled_down':
      return 'scaled down';
    case 'replaced':
    case 'deleted':
      return reason;
    case 'moved':
      return 'moves away from its node';
    case 'preempted':
      return 'makes room for a service of higher priority';
    default:
      return reason satisfies never;
  }
}

export function causeOf(replica: Replica): Cause | null {
  const { phase } = replica;
  if (phase.kind === 'backoff' || phase.kind === 'failed') return phase.cause;
  return phase.kind === 'stopping' && phase.afterwards.kind === 'retried' ? phase.afterwards.cause : null;
}

function replicaMessage(replica: Replica, spec: ServiceSpec, { observed, untidy }: Scene): string {
  const { phase } = replica;
  switch (phase.kind) {
    case 'pending':
      return briefly(phase.reasons);
    case 'pulling':
      return waitingFor(observed, actionKey(pullAction(phase.placement.node, spec))) || spec.image;
    case 'creating': {
      const key = actionKey(createAction(replica, phase.placement, spec));
      const { node } = phase.placement;
      const isHeldUp = isCreatedWithDevices(replica) && untidy.has(node) && !isDoneOrUnderWay(observed, key);
      return isHeldUp ? `containers of an earlier time are ended on ${node} first` : waitingFor(observed, key);
    }
    case 'starting':
      return (
        waitingFor(observed, startKey(phase.container.id)) || (observed.probes.get(phase.container.id)?.message ?? '')
      );
    case 'warming':
      return observed.probes.get(phase.container.id)?.message ?? '';
    case 'ready':
      return phase.impaired ? (observed.probes.get(phase.container.id)?.message ?? 'the readiness probe fails') : '';
    case 'draining':
      return drainInWords(phase.reason);
    case 'stopping': {
      const cause = phase.afterwards.kind === 'retried' ? phase.afterwards.cause.message : '';
      return [cause, endInWords(phase.placement.node, observed)].filter(Boolean).join('; ');
    }
    case 'backoff':
    case 'failed':
      return phase.cause.message;
    case 'stopped':
      return '';
    case 'lost':
      return `node ${phase.placement.node} does not answer, nor does its own probe pass`;
    default:
      return phase satisfies never;
  }
}

/** What is on a node that is away ends when that is back. */
function endInWords(node: string, { nodes }: Observed): string {
  const seen = nodes.get(node);
  if (!seen || seen.answering) return '';
  return `it ends once node ${node} answers (${seen.error ?? 'unknown reason'})`;
}

function isCreatedWithDevices({ phase }: Replica): boolean {
  return phase.kind === 'creating' && phase.placement.devices.length > 0;
}

function isDoneOrUnderWay({ effects }: Observed, key: string): boolean {
  const kind = effects.get(key)?.kind;
  return kind === 'under_way' || kind === 'settled';
}

/** What an effect that is going to be tried again last said. */
function waitingFor(observed: Observed, key: string): string {
  const effect = observed.effects.get(key);
  return effect?.kind === 'failed' ? effect.message : '';
}
