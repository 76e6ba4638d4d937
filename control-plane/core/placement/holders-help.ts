import type { ServiceKey } from '../spec.ts';
import { neededOf, wantsAll } from './device-fit.ts';
import type { Asking } from './explain.ts';
import type { Failed, Help } from './help.ts';
import type { Rejection } from './rejection.ts';

/** A service does not make room for itself: those that are there already would be too few then. */
export function freeing(failed: Failed): Help[] {
  const { group, asking } = failed;
  const isSelf = (key: ServiceKey) => key === asking?.service;
  const all = { services: holdersOf(group).filter(key => !isSelf(key)), isAny: false };
  const { services, isAny } = fewestOf(failed, holders => (holders.some(isSelf) ? null : holders)) ?? all;
  return services.length === 0 ? [] : [{ kind: 'free_from', services, ...(isAny && { isAny }) }];
}

/** Who has to declare what it uses of a device, so that several may have it. */
export function sharing(failed: Failed): Help[] {
  const { group, asking } = failed;
  if (!asking) return [{ kind: 'declare_both' }];
  const declares = (spec: Asking['spec'] | undefined) => spec?.resources.gpu?.exclusive === false;
  const silentOf = (holders: readonly ServiceKey[]) =>
    holders.filter(key => key !== asking.service && !declares(asking.specOf(key)));
  const self = declares(asking.spec) ? [] : [asking.service];
  const others = fewestOf(failed, silentOf) ?? { services: silentOf(holdersOf(group)), isAny: false };
  if (others.isAny) return [{ kind: 'declare_share', services: self, anyOf: others.services }];
  const services = [...self, ...others.services];
  return services.length === 0 ? [] : [{ kind: 'declare_share', services }];
}

/**
 * The services of which something is wanted so that one device can be had, where one is enough: the fewest for any of the
 * devices that others hold. isAny: one of these services. Null where more devices are needed, or none can be had so.
 * @param wantedOf those of a device's holders; null: it cannot be had so
 */
function fewestOf(
  { devices, asking }: Failed,
  wantedOf: (holders: readonly ServiceKey[]) => readonly ServiceKey[] | null,
): { readonly services: readonly ServiceKey[]; readonly isAny: boolean } | null {
  const gpu = asking?.spec.resources.gpu;
  if (!gpu || wantsAll(gpu) || neededOf(gpu) !== 1) return null;
  const choices = devices.flatMap(({ heldBy }) => {
    const wanted = heldBy === undefined ? null : wantedOf(heldBy);
    return wanted === null ? [] : [wanted];
  });
  if (choices.length === 0) return null;
  const fewest = Math.min(...choices.map(c => c.length));
  const smallest = choices.filter(c => c.length === fewest);
  if (fewest !== 1) return { services: smallest[0]!.toSorted(), isAny: false };
  const services = [...new Set(smallest.flat())].sort();
  return { services, isAny: services.length > 1 };
}

function holdersOf(group: readonly Rejection[]): ServiceKey[] {
  return [...new Set(group.flatMap(r => r.heldBy ?? []))].sort();
}
