import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { Stored } from './witness.ts';

/** What somebody was promised of one service. */
type Wish = { readonly container: string; readonly replicas: number } | null;

/**
 * What was acknowledged, kept beside the control plane and without its code: the store must say the same at any time.
 * A command without an acknowledgement may have been stored or not; both are right until the store tells.
 */
export class Acknowledged {
  readonly #possible = new Map<string, readonly Wish[]>();
  /** Every container that was ever asked for, by service: a rollback may go to one of those and to no other. */
  readonly #asked = new Map<string, Set<string>>();
  /** Every number of replicas that was ever asked for, by service. */
  readonly #counts = new Map<string, Set<number>>();
  /** The number that was acknowledged since the last file, by service: a rollback keeps it. */
  readonly #scaledTo = new Map<string, number>();
  /** The ranges that were asked for, by service and container; a plain number takes any. */
  readonly #ranges = new Map<string, { readonly min: number; readonly max: number }[]>();

  applied(key: string, spec: ServiceSpecInput, acknowledged: boolean): void {
    const container = containerOf(spec);
    const { min = 1, max = 1, initial = 1 } = spec.replicas ?? {};
    this.#asked.set(key, (this.#asked.get(key) ?? new Set()).add(container));
    // Within a range, the number that there was holds on; a rollback may just have made it an earlier one.
    const within = [...(this.#counts.get(key) ?? [])].map(count => Math.min(Math.max(count, min), max));
    const counts = min === max ? [initial] : [...new Set([initial, ...within])];
    for (const count of counts) this.#counted(key, count);
    this.#scaledTo.delete(key);
    const ranges = this.#ranges.get(`${key} ${container}`) ?? [];
    this.#ranges.set(`${key} ${container}`, [...ranges, { min, max }]);
    this.#step(key, acknowledged, () => counts.map(replicas => ({ container, replicas })));
  }

  scaled(key: string, replicas: number, acknowledged: boolean): void {
    this.#counted(key, replicas);
    if (acknowledged) this.#scaledTo.set(key, replicas);
    else this.#scaledTo.delete(key);
    this.#step(key, acknowledged, wish => [wish && { ...wish, replicas }]);
  }

  removed(key: string, acknowledged: boolean): void {
    this.#scaledTo.delete(key);
    this.#step(key, acknowledged, () => [null]);
  }

  /** Throws where the store says something else. What it says is what holds from here on. */
  check(keys: readonly string[], stored: Stored): void {
    for (const key of keys) {
      const service = stored.service(key);
      const actual: Wish =
        service === null || service.removal
          ? null
          : { container: containerOf(service.spec), replicas: service.replicas };
      const rolledBack = service?.rollout.kind === 'rolled_back';
      const known = actual === null || (this.#asked.get(key)?.has(actual.container) && this.#keepsScale(key, actual));
      const allowed = this.#possible.get(key) ?? [null];
      if (!(rolledBack && known) && !allowed.some(wish => JSON.stringify(wish) === JSON.stringify(actual))) {
        throw new Error(
          `8: ${key} is stored as ${JSON.stringify(actual)}, acknowledged was ${allowed.map(w => JSON.stringify(w)).join(' or ')}`,
        );
      }
      this.#possible.set(key, [actual]);
    }
  }

  #keepsScale(key: string, { container, replicas }: NonNullable<Wish>): boolean {
    const scaledTo = this.#scaledTo.get(key);
    if (scaledTo === undefined || replicas === scaledTo) return true;
    const ranges = this.#ranges.get(`${key} ${container}`) ?? [];
    return ranges.some(({ min, max }) => min !== max && replicas === Math.min(Math.max(scaledTo, min), max));
  }

  #counted(key: string, replicas: number): void {
    this.#counts.set(key, (this.#counts.get(key) ?? new Set()).add(replicas));
  }

  #step(key: string, acknowledged: boolean, wishes: (before: Wish) => readonly Wish[]): void {
    const before = this.#possible.get(key) ?? [null];
    const after = before.flatMap(wishes);
    this.#possible.set(key, acknowledged ? after : [...before, ...after]);
  }
}

function containerOf(spec: ServiceSpecInput): string {
  const { image, command, resources } = spec;
  const { count, memoryBytes, models } = resources?.gpu ?? { count: 0 };
  return JSON.stringify([image, command, resources?.cpus ?? 0, count, memoryBytes, models ?? []]);
}
