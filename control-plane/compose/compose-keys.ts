import { nearestKey } from '../written-files/nearest-key.ts';
import type { KeyPath } from '../written-files/problem.ts';
import { SERVICE_KEYS } from './service-keys.ts';

/** The keys of Compose at a path, for "did you mean" where Compose itself only says that a key is not allowed. */
const KEYS: readonly (readonly [pattern: string, keys: readonly string[]])[] = [
  ['', ['name', 'include', 'services', 'models', 'networks', 'volumes', 'secrets', 'configs']],
  ['services.*', [...Object.keys(SERVICE_KEYS), 'x-outrigger']],
  [
    'services.*.build',
    ['context', 'dockerfile', 'dockerfile_inline', 'args', 'target', 'secrets', 'ssh', 'labels', 'tags'],
  ],
  ['services.*.deploy', ['mode', 'replicas', 'labels', 'resources', 'placement', 'update_config', 'restart_policy']],
  ['services.*.deploy.resources', ['limits', 'reservations']],
  ['services.*.deploy.resources.limits', ['cpus', 'memory', 'pids']],
  ['services.*.deploy.resources.reservations', ['cpus', 'memory', 'devices', 'generic_resources']],
  ['services.*.deploy.restart_policy', ['condition', 'delay', 'max_attempts', 'window']],
  ['services.*.deploy.placement', ['constraints', 'preferences', 'max_replicas_per_node']],
  ['services.*.healthcheck', ['disable', 'test', 'interval', 'timeout', 'retries', 'start_period', 'start_interval']],
  ['services.*.logging', ['driver', 'options']],
  ['services.*.depends_on.*', ['condition', 'restart', 'required']],
  ['services.*.provider', ['type', 'options']],
  ['services.*.networks.*', ['aliases', 'ipv4_address', 'ipv6_address', 'link_local_ips', 'mac_address', 'priority']],
  [
    'networks.*',
    ['name', 'driver', 'driver_opts', 'ipam', 'external', 'internal', 'attachable', 'labels', 'enable_ipv6'],
  ],
  ['volumes.*', ['name', 'driver', 'driver_opts', 'external', 'labels']],
  ['secrets.*', ['name', 'file', 'environment', 'external', 'labels']],
  ['configs.*', ['name', 'file', 'environment', 'content', 'external', 'labels']],
];

export function nearestComposeKey(parent: KeyPath, key: string): string | undefined {
  const known = KEYS.find(([pattern]) => matches(pattern, parent))?.[1];
  return known && nearestKey(key, known);
}

function matches(pattern: string, keyPath: KeyPath): boolean {
  const parts = pattern === '' ? [] : pattern.split('.');
  return parts.length === keyPath.length && parts.every((part, i) => part === '*' || part === keyPath[i]);
}
