import type { PhaseKind } from '../../control-plane/core/replica.ts';
import type { ReplicaView, ServiceState, ServiceView } from '../../control-plane/views/views.ts';
import { hostAndPort } from '../address.ts';
import type { Style } from '../output.ts';
import { formatBytes, formatDuration } from './units.ts';

export function phaseStyle(phase: PhaseKind): Style {
  switch (phase) {
    case 'ready':
      return 'green';
    case 'failed':
    case 'lost':
      return 'red';
    case 'backoff':
      return 'yellow';
    case 'stopped':
      return 'dim';
    case 'pending':
    case 'pulling':
    case 'creating':
    case 'starting':
    case 'warming':
    case 'draining':
    case 'stopping':
      return 'cyan';
    default:
      return phase satisfies never;
  }
}

/**
 * An image is looked for first, and pulled where it is not there, or always.
 * @param replica while it is in the phase: once bytes come, it is pulled
 */
export function phaseWord(
  { spec }: Pick<ServiceView, 'spec'>,
  phase: PhaseKind,
  replica?: Pick<ReplicaView, 'pulledBytes'>,
): string {
  const isPulled =
    spec['pullPolicy'] === 'always' || (spec['pullPolicy'] !== 'never' && replica?.pulledBytes !== undefined);
  return phase === 'pulling' && !isPulled ? 'looking for image' : phase;
}

export function stateStyle(state: ServiceState): Style {
  switch (state) {
    case 'ready':
      return 'green';
    case 'failed':
      return 'red';
    case 'degraded':
      return 'yellow';
    case 'starting':
    case 'updating':
    case 'deleting':
      return 'cyan';
    default:
      return state satisfies never;
  }
}

/** What a replica is there for and is doing now, beyond the name of its phase; empty where nothing is to be said. */
export function phaseDetail(replica: ReplicaView, nowMs: number): string {
  return [replica.purpose, doingNow(replica, nowMs)].filter(Boolean).join('; ');
}

function doingNow(replica: ReplicaView, nowMs: number): string {
  switch (replica.phase) {
    case 'pulling':
      return pullProgress(replica);
    case 'ready':
      return replica.impaired
        ? replica.message || 'its readiness probe fails; no endpoint at present'
        : bestAddress(replica);
    case 'backoff': {
      const inMs = Math.max(0, (replica.retryAtMs ?? nowMs) - nowMs);
      return `${replica.message ? `${replica.message}; ` : ''}starts again in ${formatDuration(inMs)}`;
    }
    case 'failed':
    case 'lost':
    case 'pending':
    case 'creating':
    case 'starting':
    case 'warming':
    case 'draining':
    case 'stopping':
    case 'stopped':
      return replica.message;
    default:
      return replica.phase satisfies never;
  }
}

/** ` on gpu-a` while a replica comes to be there; nothing where this machine is the only node. */
export function whereabouts({ phase, node }: ReplicaView): string {
  const isNew = phase === 'pulling' || phase === 'creating';
  return isNew && node !== undefined && node !== ONLY_NODE ? ` on ${node}` : '';
}

/** The name of the node where there is no nodes file. */
const ONLY_NODE = 'local';

function pullProgress(replica: ReplicaView): string {
  const { pulledBytes, pullTotalBytes } = replica;
  if (pulledBytes === undefined) return replica.message;
  if (!pullTotalBytes) return formatBytes(pulledBytes);
  const percent = Math.min(100, Math.floor((pulledBytes / pullTotalBytes) * 100));
  return `${formatBytes(pulledBytes)} of ${formatBytes(pullTotalBytes)} (${percent} %)`;
}

/** The first address, which is the best one for a client beside the engine. */
export function bestAddress(replica: Pick<ReplicaView, 'addresses'>): string {
  const address = replica.addresses[0];
  return address === undefined ? '' : hostAndPort(address.host, address.port);
}

/** Phases that took less are not worth a word. */
const WORTH_TELLING_MS = 50;

/** `pulling 2.1s, creating 0.3s, …`: how long each phase of the present attempt took until the last was entered. */
export function phaseDurations(replica: ReplicaView): string {
  return replica.timings
    .slice(0, -1)
    .map((timing, i) => ({ phase: timing.phase, tookMs: replica.timings[i + 1]!.enteredAtMs - timing.enteredAtMs }))
    .filter(({ tookMs }) => tookMs >= WORTH_TELLING_MS)
    .map(({ phase, tookMs }) => `${phase} ${formatDuration(tookMs)}`)
    .join(', ');
}

/** Phases in which a replica still is something that people ask about without `-a`. */
export function isCurrent(replica: ReplicaView): boolean {
  return replica.phase !== 'stopped';
}

export function readiness(service: ServiceView): string {
  return `${service.readyReplicas}/${service.wantedReplicas}`;
}
