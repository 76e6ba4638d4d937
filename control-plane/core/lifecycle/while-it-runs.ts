import { effectiveProbes } from '../effective-probes.ts';
import { addressesOf } from '../endpoint.ts';
import type { PhaseOf, Replica } from '../replica.ts';
import { failed, notAlive, probeCause } from './causes.ts';
import { endOfContainer } from './container-end.ts';
import type { ReplicaFacts } from './replica-facts.ts';
import type { ReplicaEvent } from './transition.ts';

/** What may befall a container from its start to its drain, whatever its probes say of it. */
export function whileItRuns(
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

/** What its probes say of one that serves. */
export function whileReady(phase: PhaseOf<'ready'>, facts: ReplicaFacts): ReplicaEvent | null {
  const report = facts.observed.probes.get(phase.container.id);
  if (isNotAlive(phase, facts)) return { kind: 'condemned', cause: notAlive(report?.message) };
  if (report?.readiness === 'failing' && !phase.impaired) return { kind: 'readiness_lost' };
  if (report?.readiness === 'passing' && phase.impaired) return { kind: 'readiness_regained' };
  return null;
}

/** A life of ours that has just begun has not waited long for the node, which is no sign of it. */
export function whileLost(phase: PhaseOf<'lost'>, facts: ReplicaFacts): ReplicaEvent | null {
  const isAnswering = facts.observed.nodes.get(phase.placement.node)?.answering === true;
  if (isAnswering || hasProofOfLife(phase, facts)) return { kind: 'node_found' };
  return facts.nodes.isGone(phase.placement.node) ? { kind: 'forgotten' } : null;
}

/**
 * Where the way to a node is cut, every probe of what runs there fails: it speaks of the container only if the engine
 * answered a question that was asked later.
 */
export function isNotAlive(
  { container, placement }: PhaseOf<'starting' | 'ready'>,
  { observed }: ReplicaFacts,
): boolean {
  const report = observed.probes.get(container.id);
  const node = observed.nodes.get(placement.node);
  if (report?.liveness !== 'failing' || !node?.answering) return false;
  return node.listedFrom > (report.notAliveSince ?? Number.NEGATIVE_INFINITY);
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
