import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';

/** What `runtime: nvidia` and its variable ask for; `unsaid`: the file doesn't say, and most of NVIDIA's images say all. */
export type RuntimeRequest =
  | { readonly kind: 'none' }
  | { readonly kind: 'unsaid' }
  | { readonly kind: 'all' }
  | { readonly kind: 'listed'; readonly deviceIds: readonly string[] };

const VARIABLE = 'NVIDIA_VISIBLE_DEVICES';

/**
 * The way to ask for GPUs before Compose had words for it: `runtime: nvidia`, and NVIDIA_VISIBLE_DEVICES for which.
 * Undefined where the service has another runtime or none. https://github.com/NVIDIA/nvidia-container-toolkit
 */
export function nvidiaRuntime(service: Fields): RuntimeRequest | undefined {
  if (service.text('runtime') !== 'nvidia') return undefined;
  const value = service.textMap('environment').find(([name]) => name === VARIABLE)?.[1];
  if (value === undefined || value === null) return { kind: 'unsaid' };
  if (['', 'none', 'void'].includes(value)) return { kind: 'none' };
  if (value === 'all') return { kind: 'all' };
  return { kind: 'listed', deviceIds: [...new Set(value.split(',').map(id => id.trim()))].filter(id => id !== '') };
}

/** A container's fields without that runtime and its variable: the engine is given the devices that were scheduled. */
export function withoutNvidiaRuntime(fields: Partial<ServiceSpecInput>): Partial<ServiceSpecInput> {
  if (fields.runtime !== 'nvidia') return fields;
  const { [VARIABLE]: _, ...environment } = fields.environment ?? {};
  return { ...fields, runtime: undefined, environment };
}
