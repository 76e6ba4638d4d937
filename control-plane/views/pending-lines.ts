import type { Desired } from '../core/desired.ts';
import type { Observed } from '../core/observed.ts';
import type { Cluster } from '../core/placement/cluster.ts';
import { clusterOf } from '../core/placement/cluster-of.ts';
import type { PhaseOf, Replica } from '../core/replica.ts';
import type { ServiceSpec } from '../core/spec.ts';
import { lackWith } from './lack-in-words.ts';
import { briefly } from './pending-in-words.ts';

/**
 * What replicas without a place wait for, a line each, with what the nodes have at present: found out once for those that
 * wait alike, and not at all where nobody waits.
 */
export class PendingLines {
  readonly #state: Desired;
  readonly #observed: Observed;
  readonly #told = new Map<string, string>();
  #cluster: Cluster | null = null;

  constructor(state: Desired, observed: Observed) {
    this.#state = state;
    this.#observed = observed;
  }

  of({ service, generation }: Replica, { reasons }: PhaseOf<'pending'>, spec: ServiceSpec): string {
    if (reasons.length === 0) return '';
    const likeness = JSON.stringify([service, generation, reasons]);
    const known = this.#told.get(likeness);
    if (known !== undefined) return known;
    const line = briefly(
      reasons,
      lackWith(node => {
        this.#cluster ??= clusterOf(this.#state, this.#observed);
        return this.#cluster.rejectionsOn(node, { service, spec });
      }),
    );
    this.#told.set(likeness, line);
    return line;
  }
}
