import type { Observed } from './core/observed.ts';
import { describeServices } from './describe.ts';
import { describeNodes } from './describe-nodes.ts';
import type { DesiredState } from './desired-state.ts';
import type { NodeView, ServiceView } from './views.ts';

/** The present state in words, made when somebody asks and kept until something changes. */
export class StateViews {
  readonly #look: () => { state: DesiredState; observed: Observed };
  readonly #listeners = new Set<() => void>();
  #services: readonly ServiceView[] | null = null;
  #nodes: readonly NodeView[] | null = null;

  constructor(look: () => { state: DesiredState; observed: Observed }) {
    this.#look = look;
  }

  services(): readonly ServiceView[] {
    if (!this.#services) {
      const { state, observed } = this.#look();
      this.#services = Object.freeze(describeServices(state, observed));
    }
    return this.#services;
  }

  nodes(): readonly NodeView[] {
    if (!this.#nodes) {
      const { state, observed } = this.#look();
      this.#nodes = Object.freeze(describeNodes(state, observed));
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
