import type Docker from 'dockerode';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { LABELS } from '../../control-plane/engine/docker/index.ts';
import { BUSYBOX_IMAGE } from '../images/busybox.ts';

/** An HTTP service that ends at once when told, with as many replicas as given. */
export function web(
  ref: { namespace: string; name?: string; replicas?: number },
  more: Partial<ServiceSpecInput> = {},
): ServiceSpecInput {
  const { namespace, name = 'web', replicas = 1 } = ref;
  return {
    namespace,
    name,
    image: BUSYBOX_IMAGE,
    command: ['sh', '-c', SERVE],
    protocol: 'http',
    port: 8080,
    // As process 1 it would ignore SIGTERM.
    init: true,
    stopGraceMs: 5_000,
    drain: { timeoutMs: 2_000 },
    replicas: { min: replicas, max: replicas, initial: replicas },
    ...more,
  };
}

export const SERVE =
  'mkdir -p /tmp/w && echo ok > /tmp/w/index.html && echo serving && exec httpd -f -p 8080 -h /tmp/w';

export interface Life {
  readonly id: string;
  readonly replica: string;
  readonly pid: number;
  readonly startedAt: string;
}

/** Id, process and start time of the running containers of a service: what a restart would change. Sorted by id. */
export function livesOf(containers: readonly Docker.ContainerInspectInfo[], service: string): Life[] {
  return containers
    .filter(c => c.Config.Labels[LABELS.service] === service && c.State.Running)
    .map(c => ({
      id: c.Id,
      replica: c.Config.Labels[LABELS.replica] ?? '',
      pid: c.State.Pid,
      startedAt: c.State.StartedAt,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
