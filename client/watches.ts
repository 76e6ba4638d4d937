import { type ControlAddress, formatControlAddress } from './control-address.ts';
import type { ServiceRef } from './service-ref.ts';
import { ServiceWatch } from './service-watch.ts';

const watches = new Map<string, ServiceWatch>();

/** Services whose last good endpoints are remembered though nobody watches them at present. */
const MAX_REMEMBERED = 1_000;

/** The process's one watch on a service of a control plane. It opens when somebody subscribes. */
export function watchOf(address: ControlAddress, name: ServiceRef): ServiceWatch {
  const key = `${formatControlAddress(address)} ${name.namespace}/${name.service}`;
  const known = watches.get(key);
  if (known) return known;
  if (watches.size >= MAX_REMEMBERED) {
    for (const [other, watch] of watches) if (!watch.wanted) watches.delete(other);
  }
  const watch = new ServiceWatch(address, name);
  watches.set(key, watch);
  return watch;
}

/** Ends every watch and forgets what they knew. */
export function closeWatches(): void {
  for (const watch of watches.values()) watch.close();
  watches.clear();
}
