import { OutriggerError } from '../core/errors.ts';
import { type ServiceKey, type ServiceSpec, serviceKey } from '../core/spec.ts';
import type { DesiredState } from './desired-state.ts';

/** Refuses services that would wait for each other, or for themselves, so that none of them would ever start. */
export function refuseCycle(state: DesiredState, specs: readonly ServiceSpec[]): void {
  const cycle = dependencyCycle(state, specs);
  if (!cycle) return;
  const what = cycle.length === 2 ? 'no service that depends on itself' : 'no cycle of dependencies';
  throw new OutriggerError('invalid_argument', `expected ${what}, found ${inWords(cycle)}`, {
    next: 'take one of these out of depends_on (dependsOn of the API): none of them would ever start',
    details: { cycle },
  });
}

/**
 * The services in their order, the first again at the end; null where there are none.
 * @param specs what is to be applied; for all others counts what is stored
 */
function dependencyCycle(
  { services }: Pick<DesiredState, 'services'>,
  specs: readonly ServiceSpec[],
): ServiceKey[] | null {
  const applied = new Map(specs.map(spec => [serviceKey(spec), spec]));
  const neededBy = (key: ServiceKey): ServiceKey[] => {
    const stored = services.get(key);
    const spec = applied.get(key) ?? (stored?.removal === null ? stored.spec : undefined);
    return spec?.dependsOn.map(({ service }) => serviceKey({ namespace: spec.namespace, name: service })) ?? [];
  };
  const done = new Set<ServiceKey>();
  for (const from of applied.keys()) {
    const cycle = cycleFrom(from, neededBy, done);
    if (cycle) return cycle;
  }
  return null;
}

/** Depth first, without recursion: a chain of services may be as long as there are services. `done`: they lead to no cycle. */
function cycleFrom(
  from: ServiceKey,
  neededBy: (key: ServiceKey) => readonly ServiceKey[],
  done: Set<ServiceKey>,
): ServiceKey[] | null {
  if (done.has(from)) return null;
  const path = [from];
  const onPath = new Set(path);
  const left = [neededBy(from).values()];
  for (let key = from; path.length > 0; key = path.at(-1) ?? from) {
    const { value: needed } = left.at(-1)!.next();
    if (needed === undefined) {
      done.add(key);
      onPath.delete(key);
      path.pop();
      left.pop();
    } else if (onPath.has(needed)) return [...path.slice(path.indexOf(needed)), needed];
    else if (!done.has(needed)) {
      path.push(needed);
      onPath.add(needed);
      left.push(neededBy(needed).values());
    }
  }
  return null;
}

/** Its ends only where it is long. */
function inWords(cycle: readonly ServiceKey[]): string {
  const left = cycle.length - 2 * NAMED_AT_ENDS;
  const named = left <= 1 ? cycle : [...cycle.slice(0, NAMED_AT_ENDS), `${left} more`, ...cycle.slice(-NAMED_AT_ENDS)];
  return named.join(' -> ');
}

const NAMED_AT_ENDS = 5;
