import type { ServiceSpecInput } from '../core/spec.ts';
import type { KeyPath } from '../written-files/problem.ts';
import type { Fields } from './fields.ts';
import { type GpuReservation, kindOf, readGpuReservation } from './gpu-reservation.ts';
import { nvidiaRuntime, type RuntimeRequest } from './nvidia-runtime.ts';
import type { XOutrigger } from './x-outrigger.ts';

type Gpu = NonNullable<NonNullable<ServiceSpecInput['resources']>['gpu']>;
type Refinement = NonNullable<XOutrigger['gpu']>;

/** What Compose's own keys ask for; without a count it is for x-outrigger.gpu to say, or one. */
type Base = Omit<GpuReservation, 'fields' | 'count' | 'capabilities'> & {
  readonly count?: number;
  readonly capabilities?: readonly string[];
};

/** An empty context on a GPU takes more than this; what is below was meant in another unit. */
const LEAST_MEMORY_BYTES = 32 * 1024 ** 2;

/**
 * The devices a replica needs: Compose's `gpus`, `deploy.resources.reservations.devices` or the older `runtime: nvidia`
 * say how many or which, and `x-outrigger.gpu` refines them; alone it asks for one.
 */
export function gpuRequest(
  service: Fields,
  reservations: Fields | undefined,
  refinement: XOutrigger['gpu'],
): Gpu | undefined {
  const errorsBefore = service.findings.errors.length;
  const read = [
    ...(reservations?.list('devices') ?? []).map(fields => readGpuReservation(fields, 'devices')),
    ...service.list('gpus').map(fields => readGpuReservation(fields, 'gpus')),
  ];
  if (service.findings.errors.length > errorsBefore) return undefined;
  const reserved = together(read.filter(reservation => reservation !== undefined));
  const runtime = nvidiaRuntime(service);
  const base = reserved ?? (runtime && fromRuntime(service, runtime, refinement)) ?? (refinement && { deviceIds: [] });
  if (!base) return undefined;
  const keyPath = [...service.at('x-outrigger'), 'gpu'];
  const refine = refinement ?? {};
  if (base.count === 0) {
    if (refinement) {
      service.findings.warn(keyPath, 'has no effect, because the service asks for no GPU: its count is 0');
    }
    return undefined;
  }
  refuseConflicts(service, base, refine, keyPath);
  if (refine.memory !== undefined && refine.memory < LEAST_MEMORY_BYTES) {
    service.findings.warn(
      [...keyPath, 'memory'],
      `is ${refine.memory} bytes, less than any program on a GPU takes; a unit may be missing, as in 20GiB`,
    );
  }
  return {
    ...(base.capabilities === undefined ? {} : { capabilities: [...base.capabilities] }),
    ...(base.driver === undefined ? {} : { driver: base.driver }),
    deviceIds: [...base.deviceIds],
    count: countOf(base, refine),
    kind: refine.kind ?? base.kind,
    memoryBytes: refine.memory,
    models: refine.models,
    // Memory alone can be shared: whoever says how much it needs, leaves the rest to others.
    exclusive: refine.exclusive ?? refine.memory === undefined,
    check: refine.check,
  };
}

/** Several reservations as the one they amount to; where they amount to none, that is an error. */
function together([first, ...others]: readonly GpuReservation[]): GpuReservation | undefined {
  let all = first;
  for (const next of others) {
    const merged = all && merge(all, next);
    if (all && !merged) {
      next.fields.findings.error(
        next.fields.path,
        `expected one GPU reservation, found another that asks for ${phrase(next)} beside ${phrase(all)}; ` +
          'write one with the count that a replica needs in all',
      );
    }
    all = merged ?? all;
  }
  return all;
}

/** Two lists of ids are one list, and what `gpus` and `deploy` both say is said once. */
function merge(a: GpuReservation, b: GpuReservation): GpuReservation | undefined {
  const driver = a.driver ?? b.driver;
  const kind = a.kind ?? b.kind;
  if (driver !== (b.driver ?? driver) || kind !== (b.kind ?? kind)) return undefined;
  const both = {
    fields: a.fields,
    ...(driver === undefined ? {} : { driver }),
    ...(kind === undefined ? {} : { kind }),
    capabilities: [...new Set([...a.capabilities, ...b.capabilities])],
  };
  if (a.deviceIds.length > 0 && b.deviceIds.length > 0) {
    const deviceIds = [...new Set([...a.deviceIds, ...b.deviceIds])];
    return { ...both, deviceIds, count: deviceIds.length };
  }
  // Docker gives each of two counts the devices from 0 on: whether one was meant or their sum, only the author knows.
  const formOf = ({ fields }: GpuReservation) => fields.path[2];
  const saidTwice = formOf(a) !== formOf(b) && a.count === b.count && a.deviceIds.length === b.deviceIds.length;
  return saidTwice ? { ...both, deviceIds: [], count: a.count } : undefined;
}

function phrase({ count, deviceIds, driver }: GpuReservation): string {
  const what = deviceIds.length > 0 ? deviceIds.join(', ') : count === -1 ? 'all' : String(count);
  return driver === undefined ? what : `${what} (driver ${driver})`;
}

function fromRuntime(service: Fields, request: RuntimeRequest, refinement: XOutrigger['gpu']): Base | undefined {
  const nvidia = { driver: 'nvidia' as const, deviceIds: [] };
  switch (request.kind) {
    case 'none':
      return { ...nvidia, count: 0 };
    case 'all':
      return { ...nvidia, count: -1 };
    case 'listed':
      return { ...nvidia, deviceIds: request.deviceIds, count: request.deviceIds.length };
    case 'unsaid':
      if (refinement) return nvidia;
      service.findings.warn(
        service.at('runtime'),
        'is read as gpus: all, because the file does not say which; write gpus: [{count: 1}] to leave others some',
      );
      return { ...nvidia, count: -1 };
    default:
      return request satisfies never;
  }
}

function countOf(base: Base, refine: Refinement): number {
  if (base.deviceIds.length > 0) return base.deviceIds.length;
  // Compose has "all" also where a file says nothing; a number beside it is the narrower wish.
  if (base.count === undefined || base.count === -1) return refine.count ?? base.count ?? 1;
  return base.count;
}

/** What Compose's keys and x-outrigger.gpu, or two keys of the latter, cannot both mean. */
function refuseConflicts(service: Fields, base: Base, refine: Refinement, keyPath: KeyPath): void {
  const refuse = (key: keyof Refinement, message: string) => service.findings.error([...keyPath, key], message);
  if (refine.count !== undefined && refine.count !== countOf(base, refine)) {
    const listed =
      base.deviceIds.length > 0 ? `device_ids lists ${base.deviceIds.length}` : `the count is ${base.count}`;
    refuse(
      'count',
      `expected what the reservation says, ${listed}; found ${refine.count === -1 ? 'all' : refine.count}`,
    );
  }
  if (base.deviceIds.length > 0 && (refine.models?.length ?? 0) > 0) {
    refuse('models', 'expected no models beside device_ids, which name the devices already');
  }
  if (refine.kind !== undefined) {
    const other = base.kind ?? base.deviceIds.map(kindOf).find(kind => kind !== undefined && kind !== refine.kind);
    if (other !== undefined && other !== refine.kind) {
      refuse('kind', `expected the kind of the reserved devices, ${other}; found "${refine.kind}"`);
    } else if (base.driver === 'nvidia' && !refine.kind.startsWith('nvidia.com/')) {
      refuse('kind', `expected a kind of NVIDIA's beside driver: nvidia, found "${refine.kind}"; write driver: cdi`);
    }
  }
  if (refine.exclusive === false && refine.memory === undefined) {
    refuse(
      'exclusive',
      'expected memory beside exclusive: false; others get the rest of a device, and what is left has to be known',
    );
  }
}
