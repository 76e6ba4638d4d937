import { actionKey, createAction, pullAction, startKey } from '../actions.ts';
import { addressesOf } from '../endpoint.ts';
import type { ErrorCode } from '../errors.ts';
import { isRemoved } from '../is-removed.ts';
import { isUnstarted } from '../is-unstarted.ts';
import type { JudgedNodes } from '../nodes/judged-nodes.ts';
import { imageKey, type Observed, type ObservedContainer } from '../observed.ts';
import { hasImage } from '../placement/cluster-node.ts';
import type { Cause, CauseKind, PhaseOf, Placement, Replica } from '../replica.ts';
import { effectiveProbes, type ServiceSpec } from '../spec.ts';
import { endOfContainer } from './container-end.ts';
import { drainEndsAt } from './drain-end.ts';
import { awaitsDeviceCheckUntil } from './first-device-check.ts';
import { type ReplicaEvent, transition } from './transition.ts';

/** Moves one replica as far as what is observed carries it. Level-triggered: the same facts give the same end. */
export function advance(replica: Replica, facts: ReplicaFacts): Replica {
  let moved = replica;
  // Each event moves on along a line of fewer than a dozen phases; a longer walk would be a cycle in next().
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const event = next(moved, facts);
    if (!event) return moved;
    moved = transition(moved, event, facts.now);
  }
  throw new Error(`replica ${replica.id} does not come to rest in phase "${moved.phase.kind}"`);
}

const MAX_STEPS = 16;

export interface ReplicaFacts {
  readonly spec: ServiceSpec;
  readonly observed: Observed;
  /** Containers of this replica, of all its attempts, as the last listings of its node and of answering ones showed them. */
  readonly containers: readonly ObservedContainer[];
  readonly nodes: JudgedNodes;
  readonly now: number;
  /** Somebody else holds the devices of its place. */
  readonly isContested: boolean;
  /** Its service is being removed. */
  readonly isDeleted: boolean;
}

function next(replica: Replica, facts: ReplicaFacts): ReplicaEvent | null {
  const { phase } = replica;
  const renamed =
    'container' in phase && phase.container !== null && facts.nodes.renamed(phase.placement, phase.container);
  if (renamed) return { kind: 'node_renamed', node: renamed };
  switch (phase.kind) {
    case 'pending':
    case 'stopped':
    case 'failed':
      return null;
    case 'pulling':
      return displaced(phase.placement, facts) ?? afterPull(phase, facts);
    case 'creating':
      return displaced(phase.placement, facts) ?? afterCreate(replica, phase, facts);
    case 'starting':
      return bereft(replica, phase, facts) ?? whileItRuns(replica, phase, facts) ?? afterStart(replica, phase, facts);
    case 'warming':
      return whileItRuns(replica, phase, facts) ?? afterWarmup(phase, facts);
    case 'ready':
      return whileItRuns(replica, phase, facts) ?? whileReady(phase, facts);
    case 'lost':
      return whileLost(phase, facts);
    case 'draining':
      return endOfContainer(replica, phase.container, facts) ? { kind: 'drained' } : afterDrain(replica, phase, facts);
    case 'stopping':
      return afterStop(replica, phase, facts);
    case 'backoff':
      if (facts.now < phase.until) return null;
      return displaced(phase.placement, facts) ?? { kind: 'retry' };
    default:
      return phase satisfies never;
  }
}

/** No container of it was started there, and none should be any more. */
function displaced(placement: Placement, { nodes, isContested }: ReplicaFacts): ReplicaEvent | null {
  return nodes.isGood(placement) && !isContested ? null : { kind: 'displaced' };
}

/**
 * Its container was made for devices, and its engine would give it others by now: drivers number devices anew, and what an
 * id stands for is looked up at the start. It is never started.
 */
function bereft(replica: Replica, { placement }: PhaseOf<'starting'>, facts: ReplicaFacts): ReplicaEvent | null {
  if (placement.devices.length === 0 || facts.nodes.hasDevices(placement) !== false) return null;
  return isUnstarted(replica, facts.observed) ? { kind: 'displaced' } : null;
}

/** What may befall a container from its start to its drain, whatever its probes say of it. */
function whileItRuns(
  replica: Replica,
  phase: PhaseOf<'starting' | 'warming' | 'ready'>,
  facts: ReplicaFacts,
): ReplicaEvent | null {
  const end = endOfContainer(replica, phase.container, facts);
  if (end) return failed(facts.spec, end);
  if (isUnheard(phase, facts)) return { kind: 'node_lost' };
  const report = facts.observed.deviceReports.get(phase.container.id);
  if (report?.kind === 'sees' && facts.spec.resources.gpu?.check && !replica.hasSeenDevices)
    return { kind: 'devices_seen' };
  if (report?.kind !== 'lost') return cutOff(phase, facts);
  // A check that is wrong would have one device after the other quarantined: it fails the start, as a startup probe does.
  if (report.unproven)
    return {
      kind: 'condemned',
      cause: probeCause('startup_timeout', 'x-outrigger.gpu.check never passed', report.message),
    };
  const devices = phase.placement.devices.join(', ');
  return { kind: 'condemned', cause: probeCause('device_lost', `it lost sight of ${devices}`, report.message) };
}

/** Silence is not death, and its own probe that passes over the network is proof of life. */
function isUnheard(phase: PhaseOf<'starting' | 'warming' | 'ready' | 'lost'>, facts: ReplicaFacts): boolean {
  return facts.nodes.isLost(phase.placement.node) && !hasProofOfLife(phase, facts);
}

function hasProofOfLife(
  { container }: PhaseOf<'starting' | 'warming' | 'ready' | 'lost'>,
  facts: ReplicaFacts,
): boolean {
  const check = effectiveProbes(facts.spec).readiness?.check.kind;
  const isAsked = check === 'grpc' || check === 'http' || check === 'tcp';
  return isAsked && facts.observed.probes.get(container.id)?.readiness === 'passing';
}

/** A life of ours that has just begun has not waited long for the node, which is no sign of it. */
function whileLost(phase: PhaseOf<'lost'>, facts: ReplicaFacts): ReplicaEvent | null {
  const isAnswering = facts.observed.nodes.get(phase.placement.node)?.answering === true;
  if (isAnswering || hasProofOfLife(phase, facts)) return { kind: 'node_found' };
  return facts.nodes.isGone(phase.placement.node) ? { kind: 'forgotten' } : null;
}

function afterPull(phase: PhaseOf<'pulling'>, facts: ReplicaFacts): ReplicaEvent | null {
  const { spec, observed } = facts;
  const image = observed.images.get(imageKey(pullAction(phase.placement.node, spec)));
  if (image?.kind === 'present' && (spec.pullPolicy !== 'always' || image.at >= phase.since))
    return { kind: 'image_present' };
  // A failure from before this attempt was the last attempt's; the pull is made anew.
  if (image?.kind === 'failed' && image.at >= phase.since && isFinal(image.code)) {
    return failed(spec, { kind: 'image', message: imageTrouble(phase.placement, image.message, facts), logTail: [] });
  }
  return null;
}

/** Where there are several nodes, it matters which of them could not get the image, and which have it. */
function imageTrouble({ node }: Placement, message: string, { spec, observed }: ReplicaFacts): string {
  if (observed.nodes.size < 2) return message;
  const others = [...observed.nodes.values()].filter(n => n.name !== node && hasImage(n, spec.image)).map(n => n.name);
  if (others.length === 0) return `on node ${node}: ${message}; no other node has it`;
  const host = observed.nodes.get(node)?.connection ?? 'ADDRESS';
  const save = spec.pullPolicy === 'always' ? '' : ` (docker save ${spec.image} | docker --host ${host} load)`;
  const holders = `${others.sort().join(', ')} ${others.length === 1 ? 'has' : 'have'} it`;
  return `on node ${node}: ${message}; ${holders}${save}`;
}

function afterCreate(replica: Replica, phase: PhaseOf<'creating'>, facts: ReplicaFacts): ReplicaEvent | null {
  // One that is only created may still lack networks and files: it is ours once a create of it has settled, and a create
  // after a crash completes what it finds under the name.
  const adopted = facts.containers.find(c => c.attempt === replica.attempt && c.state !== 'created');
  if (adopted) return { kind: 'created', container: { id: adopted.id, seenAt: facts.now } };
  const effect = facts.observed.effects.get(actionKey(createAction(replica, phase.placement, facts.spec)));
  if (effect?.kind === 'settled' && effect.containerId) {
    return { kind: 'created', container: { id: effect.containerId, seenAt: effect.at } };
  }
  if (effect?.kind !== 'failed' || effect.at < phase.since) return null;
  if (effect.code === 'image_unavailable') return { kind: 'image_missing' };
  // What the file asks for itself, such as a subnet that is in use, no further attempt of a first start gets.
  if (effect.code === 'invalid_argument') {
    const policy = { ...facts.spec.restart, startAttempts: 1 };
    return { kind: 'failed', cause: refusal(effect.message), policy };
  }
  // A name that somebody else's container has, or a network that is not there, is nothing to wait for in silence, holding the
  // place meanwhile. Refusals in a row are told by the pause after them: for its turn it may have waited as well.
  const isStubborn = effect.notBefore - effect.at >= STUBBORN_PAUSE_MS;
  const isTaken = effect.code === 'conflict' && (effect.isForGood === true || isStubborn);
  return isFinal(effect.code) || isTaken ? failed(facts.spec, refusal(effect.message)) : null;
}

function afterStart(replica: Replica, phase: PhaseOf<'starting'>, facts: ReplicaFacts): ReplicaEvent | null {
  const refused = facts.observed.effects.get(startKey(phase.container.id));
  if (refused?.kind === 'failed' && isFinal(refused.code)) return failed(facts.spec, refusal(refused.message));
  // An engine that died while it started a container may hold on to what it had begun, and no further start gets past
  // that. Another container does, and it is no fault of the replica's: its budget is not asked.
  if (refused?.kind === 'failed' && refused.code === 'conflict' && facts.now >= phase.since + STUBBORN_AFTER_MS) {
    return { kind: 'failed', cause: refusal(refused.message), policy: NO_BUDGET };
  }
  const report = facts.observed.probes.get(phase.container.id);
  if (replica.hasServed) {
    // It was lost and is found: neither started up nor warmed again, but nobody calls it before a probe passed anew.
    if (report?.readiness === 'passing') return { kind: 'started_up', warmup: false };
    return isNotAlive(phase, facts) ? { kind: 'condemned', cause: notAlive(report?.message) } : null;
  }
  const isSeeingLater = facts.now < (awaitsDeviceCheckUntil(replica, phase, facts) ?? facts.now);
  if (report?.startup === 'passed')
    return isSeeingLater ? null : { kind: 'started_up', warmup: facts.spec.warmup !== undefined };
  if (report?.startup === 'failed') {
    return {
      kind: 'condemned',
      cause: probeCause('startup_timeout', 'the startup probe did not pass in time', report.message),
    };
  }
  return null;
}

/** Enough for several tries: what is in the way for a moment only is waited for. */
const STUBBORN_AFTER_MS = 5_000;

/** Half a dozen refusals in a row, a quarter of a minute after the first: an engine may take that long to remove something. */
const STUBBORN_PAUSE_MS = 15_000;

function afterWarmup(phase: PhaseOf<'warming'>, facts: ReplicaFacts): ReplicaEvent | null {
  const report = facts.observed.probes.get(phase.container.id);
  if (report?.warmup === 'done') return { kind: 'warmed_up' };
  if (report?.warmup === 'failed')
    return { kind: 'condemned', cause: probeCause('warmup', 'the warm-up failed', report.message) };
  return null;
}

function whileReady(phase: PhaseOf<'ready'>, facts: ReplicaFacts): ReplicaEvent | null {
  const report = facts.observed.probes.get(phase.container.id);
  if (isNotAlive(phase, facts)) return { kind: 'condemned', cause: notAlive(report?.message) };
  if (report?.readiness === 'failing' && !phase.impaired) return { kind: 'readiness_lost' };
  if (report?.readiness === 'passing' && phase.impaired) return { kind: 'readiness_regained' };
  return null;
}

/**
 * Where the way to a node is cut, every probe of what runs there fails: it speaks of the container only if the engine
 * answered a question that was asked later.
 */
function isNotAlive({ container, placement }: PhaseOf<'starting' | 'ready'>, { observed }: ReplicaFacts): boolean {
  const report = observed.probes.get(container.id);
  const node = observed.nodes.get(placement.node);
  if (report?.liveness !== 'failing' || !node?.answering) return false;
  return node.listedFrom > (report.notAliveSince ?? Number.NEGATIVE_INFINITY);
}

function afterDrain(replica: Replica, phase: PhaseOf<'draining'>, facts: ReplicaFacts): ReplicaEvent | null {
  const { observed, now } = facts;
  const endsAt = drainEndsAt(replica.id, phase, facts);
  if (endsAt !== null && now >= endsAt) return { kind: 'drained' };
  if (!observed.withdrawn(replica.service, replica.id)) return null;
  // A reading from before the withdrawal cannot tell that nothing runs any more.
  const report = observed.probes.get(phase.container.id);
  // Nobody asked it yet, as after a restart of ours: what it runs is not known, whereas it may have been told to drain.
  if (!report || report.loadUnread) return null;
  const { load } = report;
  return load === undefined || (load.inFlight === 0 && load.at > phase.since) ? { kind: 'drained' } : null;
}

function afterStop(replica: Replica, phase: PhaseOf<'stopping'>, facts: ReplicaFacts): ReplicaEvent | null {
  const { container, placement } = phase;
  if (facts.nodes.isGone(placement.node)) return { kind: 'forgotten' };
  const ended: ReplicaEvent = { kind: 'ended', policy: policyAfter(phase, facts.spec), logTail: [] };
  if (phase.afterwards.kind === 'retried') {
    const end = container && endOfContainer(replica, container, facts);
    if (container !== null && !end) return null;
    return { ...ended, logTail: end?.logTail ?? [] };
  }
  // On its way out for good: no container of any attempt may be left, nor a create that could still bring one.
  const { effects, nodes } = facts.observed;
  const create = effects.get(actionKey(createAction(replica, placement, facts.spec)));
  if (create?.kind === 'under_way') return null;
  if (facts.containers.some(c => !isRemoved(c.id, facts.observed))) return null;
  if (container !== null && isRemoved(container.id, facts.observed)) return ended;
  // A create whose answer was lost may have made a container that only a later listing shows.
  const node = nodes.get(placement.node);
  const certainFrom = Math.max(phase.since, container?.seenAt ?? 0, create && create.kind !== 'queued' ? create.at : 0);
  return node?.answering && node.listedFrom > certainFrom ? ended : null;
}

/** Losing its devices or its network is no fault of the replica's: its budget is not asked. */
function policyAfter({ afterwards }: PhaseOf<'stopping'>, { restart }: ServiceSpec): ServiceSpec['restart'] {
  if (afterwards.kind !== 'retried') return restart;
  const { kind } = afterwards.cause;
  return kind === 'device_lost' || kind === 'cut_off' ? NO_BUDGET : restart;
}

const NO_BUDGET: ServiceSpec['restart'] = { startAttempts: null, maxAttempts: null };

/**
 * It runs, and the engine says that it has no address, so nobody can call it: its network was taken away, or the engine
 * died while it started the container and found it again without one (seen of 20.10).
 */
function cutOff(phase: PhaseOf<'starting' | 'warming' | 'ready'>, facts: ReplicaFacts): ReplicaEvent | null {
  const { spec, containers, now } = facts;
  if (spec.port === undefined || spec.networkMode !== undefined || now < phase.since + NO_ADDRESS_PATIENCE_MS)
    return null;
  const node = facts.observed.nodes.get(phase.placement.node);
  const seen = containers.find(c => c.id === phase.container.id);
  const isFresh = node?.answering && node.listedFrom > phase.since + NO_ADDRESS_PATIENCE_MS;
  if (!isFresh || seen?.state !== 'running') return null;
  // Not whether clients elsewhere reach it: a container of a node whose published ports count may have none.
  if (addressesOf(spec, seen, { address: node.address, reach: 'containers' }).length > 0) return null;
  return { kind: 'condemned', cause: probeCause('cut_off', 'it runs without any network address', undefined) };
}

/** A listing may lag behind a start; one that is older than this does not. */
const NO_ADDRESS_PATIENCE_MS = 10_000;

/** Trying the same attempt again cannot help. Everything else is retried as it is: an engine that is away fails nobody. */
export function isFinal(code: ErrorCode): boolean {
  return code !== 'unavailable' && code !== 'timeout' && code !== 'conflict';
}

function failed(spec: ServiceSpec, cause: Cause): ReplicaEvent {
  return { kind: 'failed', cause, policy: spec.restart };
}

function notAlive(detail: string | undefined): Cause {
  return probeCause('liveness', 'the liveness probe failed', detail);
}

function refusal(message: string): Cause {
  return { kind: 'rejected', message, logTail: [] };
}

function probeCause(kind: CauseKind, what: string, detail: string | undefined): Cause {
  return { kind, message: detail ? `${what}: ${detail}` : what, logTail: [] };
}
