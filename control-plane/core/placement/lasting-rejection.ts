import { bytesInWords } from '../bytes-in-words.ts';
import { deviceKind, isCalled } from '../node.ts';
import type { ObservedDevice } from '../observed.ts';
import type { GpuRequest } from '../spec.ts';
import { type DeviceLedger, withoutSliced } from './choose-devices.ts';
import type { NodeLedger } from './cluster-node.ts';
import { gpusInWords, misfitOf, neededOf, requestedOf } from './device-fit.ts';
import { REJECTION_CONSTRAINTS, type Rejection, type RejectionConstraint } from './rejection.ts';

/** Fewer devices would do for the request than it needs, even if nobody held any. */
export function lastingRejection(
  { node, devices }: NodeLedger,
  gpu: GpuRequest,
  asked: readonly DeviceLedger[],
  gone: readonly ObservedDevice[],
): Rejection | null {
  const needed = neededOf(gpu);
  const fitting = withoutSliced(asked.filter(d => misfitOf(gpu, d.device) === null));
  const most = gpu.deviceIds.length > 0 ? fitting.length : mostOfAKind(fitting);
  if (most >= needed) return null;
  const words = `needs ${gpusInWords(gpu)}`;
  const common = { node: node.name, requested: requestedOf(gpu), free: most, total: devices.length };
  if (gone.length > 0) {
    const message = `${words}: ${gone.map(d => d.id).join(', ')} ${gone.length === 1 ? 'is' : 'are'} not listed any more`;
    return { ...common, constraint: 'gpu_vanished', message };
  }
  if (devices.length === 0) {
    return { ...common, constraint: 'gpu_missing', message: `${words}, and no GPU is known on this node` };
  }
  const constraint = fitting.length === 0 ? furthestMisfit(gpu, asked) : 'gpu_count';
  const found = describeDevices(devices.map(d => d.device));
  const obscure = obscureOnes(gpu, asked);
  const doubt = obscure.length === 0 ? {} : { isUnknown: true as const };
  const there = `there ${areThere(devices.length)} ${found}${doubtInWords(gpu, obscure, devices.length)}`;
  switch (constraint) {
    case 'gpu_memory': {
      const largest = Math.max(
        ...asked.map(d => (misfitOf(gpu, d.device) === constraint ? (d.device.memoryBytes ?? 0) : 0)),
      );
      const figures = { requested: gpu.memoryBytes!, ...(largest > 0 ? { free: largest, total: largest } : {}) };
      return {
        ...common,
        ...figures,
        constraint,
        found,
        ...doubt,
        message: `${words}; ${there}`,
      };
    }
    case 'gpu_count': {
      const ofOneKind = fitting.length > most ? ' of one kind' : '';
      const fit = `of the ${devices.length} on the node (${found}) ${most}${ofOneKind} fit${most === 1 ? 's' : ''}`;
      const message = `${words}: ${fit}${doubtInWords(gpu, obscure, devices.length)}`;
      return { ...common, constraint, found, ...doubt, message };
    }
    default: {
      const requested =
        constraint === 'gpu_model'
          ? gpu.models.join(' or ')
          : ((constraint === 'gpu_kind' ? gpu.kind : gpu.driver) ?? '');
      return {
        ...common,
        requested,
        constraint,
        found,
        ...doubt,
        message: `${words}; ${there}`,
      };
    }
  }
}

/** A device that is asked for by a name that no device of the node has. A node without any has another lack. */
export function idRejection({ node, devices }: NodeLedger, gpu: GpuRequest): Rejection | null {
  const unknown = gpu.deviceIds.filter(id => ![...node.devices, ...node.vanished].some(d => isCalled(d, id)));
  if (unknown.length === 0 || devices.length + node.vanished.length === 0) return null;
  const found = devices.map(d => d.device.id).join(', ');
  const what = unknown.length === 1 ? `device ${unknown[0]} does` : `devices ${unknown.join(', ')} do`;
  const has = found === '' ? 'the node lists none any more' : `the node has ${found}`;
  const known = gpu.deviceIds.length - unknown.length;
  const figures = { requested: unknown.join(', '), free: known, total: devices.length };
  const common = { node: node.name, constraint: 'gpu_id' as const, ...figures, found };
  return { ...common, message: `${what} not exist; ${has}` };
}

/** Those that may fit: what they would have to be is not known of them. */
function obscureOnes(gpu: GpuRequest, devices: readonly DeviceLedger[]): readonly ObservedDevice[] {
  return devices.flatMap(({ device }) => {
    const misfit = misfitOf(gpu, device);
    const isObscure =
      (misfit === 'gpu_model' && device.model === undefined) ||
      (misfit === 'gpu_memory' && device.memoryBytes === undefined);
    return isObscure ? [device] : [];
  });
}

/** `, whose model is not known`. */
function doubtInWords(gpu: GpuRequest, obscure: readonly ObservedDevice[], of: number): string {
  if (obscure.length === 0) return '';
  const isOfModels = obscure.some(d => misfitOf(gpu, d) === 'gpu_model');
  const what = isOfModels ? 'model' : 'memory';
  return obscure.length === of ? `, whose ${what} is not known` : `; the ${what} of ${obscure.length} is not known`;
}

function areThere(count: number): string {
  return count === 1 ? 'is' : 'are';
}

function mostOfAKind(devices: readonly DeviceLedger[]): number {
  const kinds = [...Map.groupBy(devices, d => deviceKind(d.device)).values()];
  return Math.max(0, ...kinds.map(some => some.length));
}

/** What the device that came furthest fails at: a wrong size says more than a wrong vendor. */
function furthestMisfit(gpu: GpuRequest, devices: readonly DeviceLedger[]): RejectionConstraint {
  const misfits = devices.flatMap(d => misfitOf(gpu, d.device) ?? []);
  return misfits.sort((a, b) => REJECTION_CONSTRAINTS.indexOf(b) - REJECTION_CONSTRAINTS.indexOf(a))[0] ?? 'gpu_count';
}

/** `4 H100 with 80 GiB, 1 L4 with 24 GiB`. */
function describeDevices(devices: readonly ObservedDevice[]): string {
  const alike = Map.groupBy(devices, d => {
    const memory = d.memoryBytes === undefined ? '' : ` with ${bytesInWords(d.memoryBytes)}`;
    return `${d.model ?? deviceKind(d)}${memory}`;
  });
  return [...alike].map(([what, some]) => `${some.length} × ${what}`).join(', ');
}
