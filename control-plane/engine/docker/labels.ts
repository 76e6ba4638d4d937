import { type ServiceKey, serviceKey } from '../../core/spec.ts';

/** The labels of replicas and of what is theirs. Only what carries `instance` with this control plane's value is ours. */
export const LABELS = {
  instance: 'dev.outrigger.instance',
  namespace: 'dev.outrigger.namespace',
  service: 'dev.outrigger.service',
  replica: 'dev.outrigger.replica',
  generation: 'dev.outrigger.generation',
  attempt: 'dev.outrigger.attempt',
} as const;

/** Carried by GPU probes alone, with the instance as its value: they have no label of a replica, so that none is seen in them. */
export const PROBE_LABEL = 'dev.outrigger.gpu-probe';

/**
 * Compose's own labels. Networks and volumes carry them, so that Compose takes them for its own; containers never do,
 * because Compose removes or warns about containers of its project that the file does not name ("orphans").
 */
export const COMPOSE_LABELS = {
  project: 'com.docker.compose.project',
  network: 'com.docker.compose.network',
  volume: 'com.docker.compose.volume',
  version: 'com.docker.compose.version',
} as const;

/** What a container's labels say about it. */
export interface ReplicaLabels {
  readonly instance: string;
  readonly service: ServiceKey;
  readonly replicaId: string;
  readonly generation: number;
  readonly attempt: number;
}

export function replicaLabels(request: {
  instance: string;
  spec: { namespace: string; name: string };
  replicaId: string;
  generation: number;
  attempt: number;
}): Record<string, string> {
  return {
    [LABELS.instance]: request.instance,
    [LABELS.namespace]: request.spec.namespace,
    [LABELS.service]: request.spec.name,
    [LABELS.replica]: request.replicaId,
    [LABELS.generation]: String(request.generation),
    [LABELS.attempt]: String(request.attempt),
  };
}

/** Null where the labels are not complete: such a container is nobody's replica. */
export function parseReplicaLabels(labels: Readonly<Record<string, string>>): ReplicaLabels | null {
  const instance = labels[LABELS.instance];
  const namespace = labels[LABELS.namespace];
  const name = labels[LABELS.service];
  const replicaId = labels[LABELS.replica];
  const generation = count(labels[LABELS.generation]);
  const attempt = count(labels[LABELS.attempt]);
  if (!instance || !namespace || !name || !replicaId || generation === null || attempt === null) return null;
  return { instance, service: serviceKey({ namespace, name }), replicaId, generation, attempt };
}

/** For networks and volumes that this instance made for a namespace; `own` are the labels of Compose that belong to it. */
export function namespaceLabels(
  instance: string,
  namespace: string,
  own: { network: string } | { volume: string },
): Record<string, string> {
  return {
    [LABELS.instance]: instance,
    [LABELS.namespace]: namespace,
    [COMPOSE_LABELS.project]: namespace,
    [COMPOSE_LABELS.version]: COMPOSE_VERSION,
    ...('network' in own ? { [COMPOSE_LABELS.network]: own.network } : { [COMPOSE_LABELS.volume]: own.volume }),
  };
}

/** The Compose release whose labels these are; Compose reads it nowhere, and shows it. */
const COMPOSE_VERSION = '2.36.0';

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
