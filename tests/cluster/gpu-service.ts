import type { GpuRequest, ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { BUSYBOX_IMAGE } from '../images/busybox.ts';

export const GIB = 2 ** 30;

export interface GpuServiceOptions {
  readonly namespace: string;
  readonly name?: string;
  readonly replicas?: number;
  readonly gpu?: Partial<GpuRequest>;
}

/** A tiny HTTP server that says which container it is, starts and ends at once, and asks for GPUs. */
export function gpuService(
  { namespace, name = 'model', replicas = 1, gpu }: GpuServiceOptions,
  more: Partial<ServiceSpecInput> = {},
): ServiceSpecInput {
  return {
    namespace,
    name,
    image: BUSYBOX_IMAGE,
    pullPolicy: 'never',
    command: ['sh', '-c', `${READY}; exec httpd -f -p 8080 -h /tmp/w`],
    protocol: 'http',
    port: 8080,
    // As process 1 it would ignore SIGTERM.
    init: true,
    stopGraceMs: 1_000,
    drain: { timeoutMs: 1_000 },
    restart: { startAttempts: null },
    replicas: { min: 0, max: 10, initial: replicas },
    ...(gpu && { resources: { gpu } }),
    ...more,
  };
}

const READY = 'mkdir -p /tmp/w && hostname > /tmp/w/index.html';

/** One that is ready only when a file is there: made by `release` in the container. */
export const SLOW_COMMAND = [
  'sh',
  '-c',
  `${READY}; while [ ! -e /tmp/go ]; do sleep 0.05; done; exec httpd -f -p 8080 -h /tmp/w`,
];
