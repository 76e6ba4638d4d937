import { imageKey } from './observed.ts';
import type { Placement, Replica } from './replica.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';

/** Effects as data. `reconcile` returns them, the controller carries them out through the ports, each at most once at a time. */
export type Action =
  | {
      readonly kind: 'pull';
      readonly node: string;
      readonly image: string;
      readonly policy: ServiceSpec['pullPolicy'];
      readonly platform?: string;
    }
  | {
      readonly kind: 'create';
      readonly node: string;
      readonly replicaId: string;
      readonly attempt: number;
      readonly generation: number;
      readonly containerName: string;
      readonly placement: Placement;
      readonly spec: ServiceSpec;
    }
  | {
      readonly kind: 'start';
      readonly node: string;
      readonly replicaId: string;
      readonly attempt: number;
      readonly containerId: string;
    }
  | {
      readonly kind: 'stop';
      readonly node: string;
      readonly replicaId: string;
      readonly attempt: number;
      readonly containerId: string;
      readonly graceMs: number;
    }
  | {
      readonly kind: 'remove';
      readonly node: string;
      readonly replicaId: string;
      readonly attempt: number;
      readonly containerId: string;
    }
  /** Reads again how much memory the node's devices have free; the next listing has it. */
  | { readonly kind: 'measure'; readonly node: string }
  /** Networks (and volumes, when asked) of a namespace that has no service any more. */
  | {
      readonly kind: 'clean_namespace';
      readonly node: string;
      readonly namespace: string;
      readonly volumes: boolean;
      readonly askedAt: number;
    };

/** Two actions with the same key are the same effect; the second is not begun while the first is under way. */
export function actionKey(action: Action): string {
  switch (action.kind) {
    case 'pull':
      return `pull ${imageKey(action)}`;
    case 'create':
      return createKey({ id: action.replicaId, attempt: action.attempt });
    case 'start':
      return startKey(action.containerId);
    case 'stop':
      return stopKey(action.containerId);
    case 'remove':
      return removeKey(action.containerId);
    case 'measure':
      return `measure ${action.node}`;
    case 'clean_namespace':
      return `clean_namespace ${action.node} ${action.namespace} ${action.askedAt}`;
    default:
      return action satisfies never;
  }
}

/** Deterministic, so that a create whose answer was lost is found again by name. At most 255 characters. */
export function containerName(service: ServiceKey, replicaId: string): string {
  return `${service.replace('/', '-')}-${replicaId}`;
}

export function createAction(
  replica: Replica,
  placement: Placement,
  spec: ServiceSpec,
): Extract<Action, { kind: 'create' }> {
  return {
    kind: 'create',
    node: placement.node,
    replicaId: replica.id,
    attempt: replica.attempt,
    generation: replica.generation,
    containerName: containerName(replica.service, replica.id),
    placement,
    spec,
  };
}

export function pullAction(node: string, spec: ServiceSpec): Extract<Action, { kind: 'pull' }> {
  const pull = { kind: 'pull' as const, node, image: spec.image, policy: spec.pullPolicy };
  return spec.platform === undefined ? pull : { ...pull, platform: spec.platform };
}

/** The key of the create of a replica's present attempt. */
export function createKey({ id, attempt }: Pick<Replica, 'id' | 'attempt'>): string {
  return `create ${id} ${attempt}`;
}

/** The key of the start of a container, whichever replica it belongs to. */
export function startKey(containerId: string): string {
  return `start ${containerId}`;
}

export function stopKey(containerId: string): string {
  return `stop ${containerId}`;
}

export function removeKey(containerId: string): string {
  return `remove ${containerId}`;
}
