import { createHash } from 'node:crypto';
import { type ServiceKey, splitKey } from '../core/spec.ts';

/** Longest label of a DNS name. */
const MAX_LABEL = 63;

/**
 * The service's name in Consul: `<namespace>-<service>`, as Compose names containers, so that
 * `<namespace>-<service>.service.consul` resolves. What a DNS label cannot hold is replaced or cut; a cut name ends in
 * a hash of the whole. See docs/decisions/0003-consul.md.
 */
export function consulName(service: ServiceKey): string {
  const [namespace, name] = splitKey(service);
  const plain = `${namespace}-${name}`.replaceAll('_', '-');
  if (plain.length <= MAX_LABEL) return plain.replace(/-+$/, '');
  const hash = createHash('sha256').update(service).digest('hex').slice(0, 8);
  return `${plain.slice(0, MAX_LABEL - hash.length - 1).replace(/-+$/, '')}-${hash}`;
}
