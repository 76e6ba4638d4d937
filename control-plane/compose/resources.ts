import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';
import { gpuRequest } from './gpu.ts';
import type { XOutrigger } from './x-outrigger.ts';

/** The kernel's own limit, which is what "unlimited" comes to. */
const MAX_PIDS = 4_194_304;

/**
 * CPUs, memory, processes and GPUs. Limits bound the container; only reservations are set aside by the scheduler, as
 * Compose and Swarm mean them.
 */
export function resources(
  service: Fields,
  deploy: Fields | undefined,
  gpu: XOutrigger['gpu'],
): ServiceSpecInput['resources'] {
  const section = deploy?.fields('resources');
  const limits = section?.fields('limits');
  const reservations = section?.fields('reservations');

  const limitCpus = limits?.number('cpus') || service.number('cpus') || quotaCpus(service);
  const limitMemoryBytes = limits?.sizeBytes('memory') || service.sizeBytes('mem_limit');
  const cpus = reservations?.number('cpus');
  const memoryBytes = reservations?.sizeBytes('memory') || service.sizeBytes('mem_reservation');
  const pids = limits?.number('pids') || service.number('pids_limit');
  // Each is there twice in Compose; whichever was not needed above counts as read.
  for (const key of ['cpus', 'mem_limit', 'mem_reservation', 'pids_limit', 'cpu_quota', 'cpu_period'])
    service.take(key);
  const devices = gpuRequest(service, reservations, gpu);

  reservations?.refuse('generic_resources', 'Outrigger schedules CPUs, memory and GPUs only; remove it');
  limits?.end();
  reservations?.end();
  section?.end();
  return {
    cpus,
    memoryBytes,
    limitCpus,
    limitMemoryBytes,
    pids: pids === undefined || pids === 0 ? undefined : pids < 0 ? MAX_PIDS : pids,
    gpu: devices,
  };
}

/** `cpu_quota` of each `cpu_period` (microseconds, 100,000 unless given) is the older way to write `cpus`. */
function quotaCpus(service: Fields): number | undefined {
  const quota = service.number('cpu_quota');
  const period = service.number('cpu_period') || 100_000;
  return quota !== undefined && quota > 0 ? quota / period : undefined;
}
