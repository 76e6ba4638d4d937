import { containerName } from './actions.ts';
import type { Observed, ObservedContainer } from './observed.ts';
import { containerOf, placementOf, type Replica } from './replica.ts';

/**
 * Which of the containers that were seen are a replica's own. `docker commit` copies labels into an image and so into its
 * containers: only the name that we gave says whose it is, or the id, where somebody renamed it. Sorted out once they are
 * asked for.
 */
export class OwnContainers {
  readonly #replicas: ReadonlyMap<string, Replica>;
  readonly #nodes: Observed['nodes'];
  #byReplica: ReadonlyMap<string, readonly LocatedContainer[]> | null = null;

  constructor(replicas: ReadonlyMap<string, Replica>, { nodes }: Pick<Observed, 'nodes'>) {
    this.#replicas = replicas;
    this.#nodes = nodes;
  }

  /** Those of all its attempts, wherever they were seen. */
  of(replicaId: string): readonly LocatedContainer[] {
    this.#byReplica ??= this.#sort();
    return this.#byReplica.get(replicaId) ?? [];
  }

  /** Those that can be looked after now: on its own node as last seen, elsewhere where the node answers. */
  reachableOf(replica: Replica): readonly LocatedContainer[] {
    const own = placementOf(replica)?.node;
    return this.of(replica.id).filter(({ node }) => node === own || this.#nodes.get(node)?.answering === true);
  }

  #sort(): ReadonlyMap<string, readonly LocatedContainer[]> {
    const known = new Set([...this.#replicas.values()].map(r => containerOf(r)?.id));
    const located = [...this.#nodes.values()].flatMap(({ name, containers }) =>
      containers
        .filter(c => known.has(c.id) || isNamedByUs(c))
        .map((container): LocatedContainer => ({ node: name, container })),
    );
    return Map.groupBy(located, l => l.container.replicaId);
  }
}

/** A container and the node that it was seen on. */
export interface LocatedContainer {
  readonly node: string;
  readonly container: ObservedContainer;
}

export function isNamedByUs(container: ObservedContainer): boolean {
  return container.name === containerName(container.service, container.replicaId);
}
