import type { ServiceView } from '../../control-plane/views/views.ts';

/** What is wanted of a service; null where none is. */
export type Wish = { readonly replicas: number; readonly revision: number } | null;

export type Change =
  | { readonly what: 'up'; readonly namespace: string; readonly replicas: number; readonly revision: number }
  | { readonly what: 'scale'; readonly namespace: string; readonly replicas: number }
  | { readonly what: 'down'; readonly namespace: string };

/**
 * What was acknowledged of the changes that were asked for, one service a namespace, kept apart from the control plane's
 * own view so that the one can be held against the other. A change without an answer may have come about or not.
 */
export class Acknowledged {
  readonly #possible = new Map<string, readonly Wish[]>();

  /** What is wanted, where that is certain: `check` was called since the last change without an answer. */
  wish(namespace: string): Wish {
    return this.#possible.get(namespace)?.[0] ?? null;
  }

  changes(change: Change): boolean {
    const before = this.wish(change.namespace);
    return JSON.stringify(after(before, change)) !== JSON.stringify(before);
  }

  asked(change: Change, { isAnswered }: { isAnswered: boolean }): void {
    const before = this.#possible.get(change.namespace) ?? [null];
    const then = before.map(wish => after(wish, change));
    this.#possible.set(change.namespace, isAnswered ? then : [...before, ...then]);
  }

  /** In words what the control plane says otherwise. What it says of a change without an answer holds from then on. */
  check(services: readonly ServiceView[]): readonly string[] {
    return [...this.#possible].flatMap(([namespace, possible]) => {
      const actual = wishOf(services.find(s => s.namespace === namespace));
      const isPossible = possible.some(wish => JSON.stringify(wish) === JSON.stringify(actual));
      if (isPossible) this.#possible.set(namespace, [actual]);
      const told = possible.map(wish => JSON.stringify(wish)).join(' or ');
      return isPossible
        ? []
        : [`invariant 8: ${namespace} is wanted as ${JSON.stringify(actual)}, acknowledged was ${told}`];
    });
  }
}

/** Of a range, a new file leaves the number that there is. */
function after(before: Wish, change: Change): Wish {
  switch (change.what) {
    case 'up':
      return { replicas: before?.replicas ?? change.replicas, revision: change.revision };
    case 'scale':
      return before && { ...before, replicas: change.replicas };
    case 'down':
      return null;
    default:
      return change satisfies never;
  }
}

function wishOf(service: ServiceView | undefined): Wish {
  if (!service || service.deleting) return null;
  const { REVISION } = service.spec['environment'] as Record<string, string>;
  return { replicas: service.wantedReplicas, revision: Number(REVISION) };
}
