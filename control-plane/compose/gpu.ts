import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';
import type { XOutrigger } from './x-outrigger.ts';

type Gpu = NonNullable<NonNullable<ServiceSpecInput['resources']>['gpu']>;

/**
 * The devices a replica needs: Compose's `gpus` or `deploy.resources.reservations.devices` say how many, and
 * `x-outrigger.gpu` refines them; alone it asks for one.
 */
export function gpuRequest(
  service: Fields,
  reservations: Fields | undefined,
  refine: XOutrigger['gpu'],
): Gpu | undefined {
  const requests = [...(reservations?.list('devices') ?? []), ...service.list('gpus')].map(readDevice);
  if (requests.length > 1) {
    service.findings.error(service.path, `expected one GPU reservation, found ${requests.length}; merge them into one`);
  }
  const base = requests[0] ?? (refine && {});
  if (!base) return undefined;
  return {
    ...base,
    ...(refine?.memory === undefined ? {} : { memoryBytes: refine.memory }),
    ...(refine?.models === undefined ? {} : { models: refine.models }),
    // Memory alone can be shared: whoever says how much it needs, leaves the rest to others.
    exclusive: refine?.exclusive ?? refine?.memory === undefined,
  };
}

function readDevice(device: Fields): Gpu {
  const capabilities = device.texts('capabilities') ?? ['gpu'];
  const driver = device.text('driver') || undefined;
  const deviceIds = device.texts('device_ids') ?? [];
  const count = device.number('count');
  device.refuse('options', 'Outrigger has no driver options; remove it');
  device.end();
  if (!capabilities.includes('gpu')) {
    device.findings.error(
      device.at('capabilities'),
      `expected the capability "gpu", found ${capabilities.join(', ') || 'none'}; Outrigger schedules GPUs only`,
    );
  }
  if (driver !== undefined && driver !== 'nvidia' && driver !== 'cdi') {
    device.findings.error(device.at('driver'), `expected nvidia or cdi, found "${driver}"`);
    return {};
  }
  return {
    capabilities,
    ...(driver === undefined ? {} : { driver }),
    ...(deviceIds.length > 0 ? { deviceIds, count: deviceIds.length } : { count: count ?? -1 }),
  };
}
