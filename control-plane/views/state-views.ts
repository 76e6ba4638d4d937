import type { Desired } from '../core/desired.ts';
import type { NodePolicy } from '../core/node.ts';
import type { Observed } from '../core/observed.ts';
import { describeServices } from './describe.ts';
import { describeNodes } from './describe-nodes.ts';
import type { Judged } from './phase-in-words.ts';
import type { NodeView, ServiceView } from './views.ts';

interface Look extends Judged {
  readonly state: Desired;
  readonly observed: Observed;
  readonly policy: NodePolicy;
  /** A service with what more is known of it. */
  readonly shown: (service: ServiceView) => ServiceView;
}

/**
 * The present state in words, made when somebody asks and kept until something changes. A service of which nothing that is
 * shown has changed stays the same object, and so does the list: most passes of the loop change nothing that anybody sees,
 * and whoever watches is spared them.
 */
export class StateViews {
  readonly #look: () => Look;
  readonly #listeners = new Set<() => void>();
  /** Up to date; null: something may have changed since. */
  #services: readonly ServiceView[] | null = null;
  #lastShown = new LastShown();
  #nodes: readonly NodeView[] | null = null;

  constructor(look: () => Look) {
    this.#look = look;
  }

  services(): readonly ServiceView[] {
    if (!this.#services) {
      const { state, observed, shown, ...given } = this.#look();
      this.#services = this.#lastShown.orNew(describeServices(state, observed, given).map(shown));
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

class LastShown {
  #list: readonly ServiceView[] = Object.freeze([]);
  #texts: readonly string[] = [];

  /** The list given before, as far as these are equal to it. */
  orNew(services: readonly ServiceView[]): readonly ServiceView[] {
    const before = new Map(this.#texts.map((text, i) => [text, this.#list[i]]));
    // As text, which is how they leave here: a comparison field by field takes several times as long.
    const texts = services.map(service => JSON.stringify(service));
    const list = services.map((service, i) => before.get(texts[i] ?? '') ?? service);
    const isSame = list.length === this.#list.length && list.every((service, i) => service === this.#list[i]);
    if (!isSame) [this.#list, this.#texts] = [Object.freeze(list), texts];
    return this.#list;
  }
}
