import type { Fields } from './fields.ts';

/** One member of `gpus` or of `deploy.resources.reservations.devices`, as Compose means it. */
export interface GpuReservation {
  readonly fields: Fields;
  readonly driver?: 'nvidia' | 'cdi';
  /** The CDI kind, where the reservation is for all devices of one: `amd.com/gpu=all`. */
  readonly kind?: string;
  /** -1: all of a node. */
  readonly count: number;
  /** Where there are any, `count` is their number. */
  readonly deviceIds: readonly string[];
  readonly capabilities: readonly string[];
}

const MAX_COUNT = 1_024;

/**
 * Reads a reservation. What is wrong with it is in the findings, and then the result is undefined.
 * @param form under `gpus` the capability `gpu` goes without saying; under `devices` Compose wants it written
 */
export function readGpuReservation(fields: Fields, form: 'gpus' | 'devices'): GpuReservation | undefined {
  const errorsBefore = fields.findings.errors.length;
  const capabilities = readCapabilities(fields, form);
  const driver = readDriver(fields);
  const ids = readDeviceIds(fields, driver);
  const count = fields.number('count');
  fields.refuse('options', 'Outrigger has no driver options; remove it');
  fields.end();
  if (count !== undefined && (!Number.isInteger(count) || count < -1 || count > MAX_COUNT)) {
    fields.findings.error(fields.at('count'), `expected a number of GPUs up to ${MAX_COUNT}, or all; found ${count}`);
  }
  // Compose refuses the two together, and prints `count: all` as -1 where a file has neither.
  if (count !== undefined && count > 0 && ids.kind !== 'none') {
    fields.findings.error(fields.at('count'), 'expected no count beside device_ids; their number is the count');
  }
  if (fields.findings.errors.length > errorsBefore) return undefined;
  const base = { fields, capabilities, ...(driver === undefined ? {} : { driver }) };
  switch (ids.kind) {
    case 'listed':
      return { ...base, deviceIds: ids.deviceIds, count: ids.deviceIds.length };
    case 'all':
      return { ...base, deviceIds: [], count: -1, ...(ids.of === undefined ? {} : { kind: ids.of }) };
    case 'none':
      // Compose leaves `count: 0` out of what it prints, and a missing one in a file it prints as -1.
      return { ...base, deviceIds: [], count: count ?? 0 };
    default:
      return ids satisfies never;
  }
}

/** The CDI kind in a device's name, or undefined for a number or a UUID. */
export function kindOf(deviceId: string): string | undefined {
  return /^([^/=]+\/[^/=]+)=./.exec(deviceId)?.[1];
}

function readCapabilities(fields: Fields, form: 'gpus' | 'devices'): string[] {
  const stated = fields.texts('capabilities') ?? ['gpu'];
  if (form === 'devices' && !stated.includes('gpu')) {
    fields.findings.error(
      fields.at('capabilities'),
      `expected the capability "gpu", found ${stated.join(', ') || 'none'}; Outrigger schedules GPUs only`,
    );
  }
  return [...new Set(['gpu', ...stated])];
}

function readDriver(fields: Fields): 'nvidia' | 'cdi' | undefined {
  const driver = fields.text('driver') || undefined;
  if (driver === undefined || driver === 'nvidia' || driver === 'cdi') return driver;
  const kind = driver.includes('/') ? driver : `${driver}.com/gpu`;
  fields.findings.error(
    fields.at('driver'),
    `expected nvidia or cdi, found "${driver}"; for GPUs of another make write driver: cdi, and their CDI kind, ` +
      `such as ${kind}, under x-outrigger.gpu.kind`,
  );
  return undefined;
}

type DeviceIds =
  | { readonly kind: 'none' }
  | { readonly kind: 'all'; readonly of?: string }
  | { readonly kind: 'listed'; readonly deviceIds: string[] };

function readDeviceIds(fields: Fields, driver: 'nvidia' | 'cdi' | undefined): DeviceIds {
  const deviceIds = [...new Set(fields.texts('device_ids'))];
  if (deviceIds.length === 0) return { kind: 'none' };
  for (const [index, id] of deviceIds.entries()) {
    const keyPath = [...fields.at('device_ids'), index];
    const kind = kindOf(id);
    if (id === '') fields.findings.error(keyPath, 'expected a CDI name, a UUID or a number of a device, found nothing');
    else if (isAll(id) && deviceIds.length > 1) {
      fields.findings.error(keyPath, `"${id}" stands for all devices; expected no other beside it`);
    } else if (kind !== undefined && driver === 'nvidia' && !kind.startsWith('nvidia.com/')) {
      fields.findings.error(keyPath, `"${id}" is none of NVIDIA's, and the driver is nvidia; write driver: cdi`);
    }
  }
  const [first] = deviceIds;
  if (deviceIds.length > 1 || first === undefined || !isAll(first)) return { kind: 'listed', deviceIds };
  const of = kindOf(first);
  return { kind: 'all', ...(of === undefined ? {} : { of }) };
}

/** CDI files name a device `all` that stands for every one; NVIDIA's runtime takes the word by itself. */
function isAll(deviceId: string): boolean {
  return deviceId === 'all' || deviceId.endsWith('=all');
}
