import type { Desired } from '../core/desired.ts';
import type { NodePolicy } from '../core/node.ts';
import type { Observed } from '../core/observed.ts';
import { describeServices } from './describe.ts';
import { describeNodes } from './describe-nodes.ts';
import type { NodeView, ServiceView } from './views.ts';

interface Look {
  readonly state: Desired;
  readonly observed: Observed;
  /** By the Clock. */
  readonly now: number;
  readonly policy: NodePolicy;
  /** A service with what more is known of it. */
  readonly shown: (service: ServiceView) => ServiceView;
}

/** The present state in words, made when somebody asks and kept until something changes. */
export class StateViews {
  readonly #look: () => Look;
  readonly #listeners = new Set<() => void>();
  #services: readonly ServiceView[] | null = null;
  #nodes: readonly NodeView[] | null = null;

  constructor(look: () => Look) {
    this.#look = look;
  }

  services(): readonly ServiceView[] {
    if (!this.#services) {
      const { state, observed, shown, now, policy } = this.#look();
      this.#services = Object.freeze(describeServices(state, observed, { now, policy }).map(shown));
    }
    return this.#services;
  }

  nodes(): readonly NodeView[] {
    if (!this.#nodes) {
      const { state, observed, policy } = this.#look();
      this.#nodes = Object.freeze(describeNodes(state, observed, policy));
    }
    return this.#nodes;
  }

  /** Something may be different now. */
  changed(): void {
    this.#services = null;
    this.#nodes = null;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
