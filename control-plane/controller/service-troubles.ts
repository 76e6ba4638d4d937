import type { Troubles } from '../core/contain-trouble.ts';
import type { ServiceKey } from '../core/spec.ts';
import type { Event } from '../ports.ts';
import type { ServiceView } from '../views/views.ts';

/** What is told of services that no pass can be made with: an event when it begins and when it is over. */
export class ServiceTroubles {
  #told: Troubles = new Map();

  /** What is new since the last time; `told` remembers it, once it is stored. */
  look(troubles: Troubles, at: number): { readonly events: readonly Event[]; readonly told: () => void } {
    const begun = [...troubles].filter(([service, message]) => this.#told.get(service) !== message);
    const over = [...this.#told.keys()].filter(service => !troubles.has(service));
    return {
      events: [
        ...begun.map(([service, why]) => ({ at, service, type: 'service.troubled', message: inWords(why) })),
        ...over.map(service => ({ at, service, type: 'service.untroubled', message: 'it is looked after again' })),
      ],
      told: () => {
        this.#told = troubles;
      },
    };
  }

  /** No pass can be made with it, as far as that is stored. */
  has(service: ServiceKey): boolean {
    return this.#told.has(service);
  }

  /** The service as it is shown. What is left alone is not what was asked for, though it may serve. */
  shown(view: ServiceView): ServiceView {
    const why = this.#told.get(`${view.namespace}/${view.name}`);
    if (why === undefined) return view;
    return { ...view, state: view.state === 'ready' ? 'degraded' : view.state, message: inWords(why) };
  }
}

function inWords(why: string): string {
  return `it is left as it is, as nothing can be decided about it (${why}): apply it anew or remove it, and please report this`;
}
