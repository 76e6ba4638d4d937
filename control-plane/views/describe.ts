import { containerName, pullAction } from '../core/actions.ts';
import type { Desired } from '../core/desired.ts';
import { isLetOff } from '../core/lifecycle/farewells.ts';
import { currentId, type NodePolicy } from '../core/node.ts';
import { JudgedNodes } from '../core/nodes/judged-nodes.ts';
import { imageKey, type Observed, type ObservedNode } from '../core/observed.ts';
import {
  containerOf,
  givenDevices,
  isAvailable,
  isLive,
  type Placement,
  placementOf,
  type Replica,
} from '../core/replica.ts';
import { isCurrent, type Service } from '../core/service.ts';
import type { ServiceSpec } from '../core/spec.ts';
import { maskSpec } from './mask-spec.ts';
import { PendingLines } from './pending-lines.ts';
import { causeOf, type Judged, phaseInWords, type Turns, turnsIn } from './phase-in-words.ts';
import { placeTakers } from './place-takers.ts';
import { haltInWords, trialInWords } from './standing-in-words.ts';
import type { ReplicaView, ServiceState, ServiceView } from './views.ts';

/** The state in words for people and programs. Pure. */
export function describeServices(
  state: Desired,
  observed: Observed,
  given: Judged & { readonly policy: NodePolicy },
): ServiceView[] {
  const byService = Map.groupBy(state.replicas.values(), r => r.service);
  const scene: Scene = {
    state,
    observed,
    nodes: new JudgedNodes({ observed, records: state.nodes, ...given }),
    turns: turnsIn(state, observed, given),
    pending: new PendingLines(state, observed),
  };
  return [...state.services.values()]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(service => describeService(service, byService.get(service.key) ?? [], scene));
}

interface Scene {
  readonly state: Desired;
  readonly observed: Observed;
  readonly nodes: JudgedNodes;
  readonly turns: Turns;
  readonly pending: PendingLines;
}

function describeService(service: Service, replicas: readonly Replica[], scene: Scene): ServiceView {
  const { state, observed, nodes } = scene;
  const { spec } = service;
  const ordered = [...replicas].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  const takers = placeTakers(service, replicas, scene);
  const views = ordered.map(r => {
    const view = describeReplica(r, state.specOf(r.service, r.generation) ?? spec, scene);
    const purpose = takers.get(r.id);
    return purpose === undefined ? view : { ...view, purpose };
  });
  const readyReplicas = replicas.filter(isAvailable).length;
  const serviceState = stateOf(service, replicas, nodes);
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
    message: messageOf(service, serviceState, {
      replicas: views,
      observed,
      nodes,
      halt: haltInWords(service, replicas, observed),
      trial: trialInWords(service, replicas),
    }),
    deleting: service.removal !== null,
    origin: service.origin,
    acceptedAtMs: service.acceptedAt,
    createdBy: service.createdBy,
    askedBy: service.askedBy,
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

function stateOf(service: Service, replicas: readonly Replica[], nodes: JudgedNodes): ServiceState {
  if (service.removal) return 'deleting';
  const current = replicas.filter(r => isLive(r) && r.generation === service.generation);
  const ready = current.filter(isAvailable).length;
  if (service.rollout.kind === 'paused') return 'failed';
  if (current.some(r => r.phase.kind === 'failed')) return ready > 0 ? 'degraded' : 'failed';
  if (service.rollout.kind === 'progressing') {
    if (service.rollout.previous !== null) return 'updating';
    // What still ends is of a service that was taken down, or of a generation that never worked: no part of this start.
    const isThrough = ready >= service.replicas && replicas.every(r => !isLive(r) || isCurrent(service, r));
    return isThrough ? 'ready' : 'starting';
  }
  // Replicas on their way out are part of a change that is not over, even where enough others serve; who is given up is not.
  const leaving = replicas.some(r => !(isLive(r) && isCurrent(service, r)) && !nodes.isGivenUp(r));
  if (leaving) return 'updating';
  return ready >= service.replicas ? 'ready' : 'degraded';
}

function messageOf(
  service: Service,
  state: ServiceState,
  {
    replicas,
    observed,
    nodes,
    halt,
    trial,
  }: { replicas: readonly ReplicaView[]; observed: Observed; nodes: JudgedNodes; halt: string; trial: string },
): string {
  const { rollout } = service;
  if (rollout.kind === 'paused')
    return `update to generation ${service.generation} failed and is paused: ${rollout.cause.message}`;
  const used = new Set(replicas.map(r => r.node));
  const silent = [...observed.nodes.values()].filter(
    n => !n.answering && (used.has(n.name) || observed.nodes.size === 1),
  );
  if (silent.length > 0) return silenceInWords(silent);
  if (state === 'deleting' && replicas.length === 0) return farewellInWords(service, { observed, nodes });
  if (rollout.kind === 'rolled_back') {
    return `generation ${rollout.failed} failed (${rollout.cause.message}); rolled back to generation ${rollout.to}`;
  }
  // What is there beside those that serve, such as what is to take the place of one on a drained node.
  if (state === 'ready' && service.replicas === 0 && replicas.length === 0)
    return 'scaled to 0: no replicas are wanted';
  if (state === 'ready') return wordsOf(replicas.find(r => r.phase === 'pending'));
  return (
    wordsOf(replicas.find(r => r.phase === 'failed' || r.phase === 'backoff')) ||
    halt ||
    wordsOf(replicas.find(r => wordsOf(r) !== '' && r.phase !== 'ready')) ||
    wordsOf(replicas.find(r => wordsOf(r) !== '')) ||
    trial
  );
}

function silenceInWords(silent: readonly ObservedNode[]): string {
  const named = silent.slice(0, MOST_SILENT).map(n => `${n.name} does not answer (${n.error ?? 'unknown reason'})`);
  const left = silent.length - named.length;
  const more = left === 0 ? '' : `, nor ${left === 1 ? 'does' : 'do'} ${left} more`;
  return `node ${named.join(', node ')}${more}; what runs there is left alone`;
}

const MOST_SILENT = 3;

/** What it is there for, and what it waits for. */
function wordsOf(replica: ReplicaView | undefined): string {
  return [replica?.purpose, replica?.message].filter(Boolean).join('; ');
}

/** A node that is away keeps the last service of a project in sight, see core/lifecycle/farewells.ts. */
function farewellInWords(
  { spec, removal }: Service,
  { observed, nodes }: { readonly observed: Observed; readonly nodes: JudgedNodes },
): string {
  const isAwaited = ({ name }: ObservedNode) =>
    removal !== null && !isLetOff({ observed, nodes }, name, spec.namespace, removal);
  const silent = [...observed.nodes.values()]
    .filter(n => !n.answering && isAwaited(n))
    .map(n => `${n.name} (${n.error ?? 'unknown reason'})`);
  return silent.length === 0 ? '' : `its networks and volumes are still to be removed on ${silent.join(', ')}`;
}

function describeReplica(replica: Replica, spec: ServiceSpec, scene: Scene): ReplicaView {
  const { observed } = scene;
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
    message: phaseInWords(replica, spec, scene),
    ...(placement ? { node: placement.node } : {}),
    devices: placement === null ? [] : devicesOf(placement, observed),
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

/** By the ids that the node lists them by now, where it does: numbers may be others than when they were given. */
function devicesOf(placement: Placement, { nodes }: Observed): readonly string[] {
  const node = nodes.get(placement.node);
  return givenDevices(placement).map(device => currentId(node, device));
}
