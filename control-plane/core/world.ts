import type { Troubles } from './contain-trouble.ts';
import type { Desired } from './desired.ts';
import type { ImageWait } from './image-wait.ts';
import type { NodePolicy } from './node.ts';
import { JudgedNodes } from './nodes/judged-nodes.ts';
import type { Observed } from './observed.ts';
import { type LocatedContainer, OwnContainers } from './own-containers.ts';
import type { Replica } from './replica.ts';
import { isKnownToWork, type Service } from './service.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';

/** The working copy of one pass: what is desired, as it changes, beside what is observed, which does not. */
export class World {
  readonly observed: Observed;
  readonly now: number;
  readonly services: Map<ServiceKey, Service>;
  readonly nodes: JudgedNodes;
  /** Images that are awaited before anybody gives way, by the replica that waits, or by its service. */
  readonly imageWaits: Map<string, ImageWait> = new Map();
  readonly #desired: Desired;
  readonly #alone: Troubles;
  readonly #replicas = new Map<string, Replica>();
  /** The same replicas by service, kept by put(). */
  readonly #byService = new Map<ServiceKey, Map<string, Replica>>();
  readonly #containers: OwnContainers;

  constructor(
    desired: Desired,
    observed: Observed,
    given: { readonly now: number; readonly policy: NodePolicy; readonly alone?: Troubles },
  ) {
    this.#desired = desired;
    this.#alone = given.alone ?? new Map();
    this.observed = observed;
    this.now = given.now;
    this.services = new Map(desired.services);
    this.nodes = new JudgedNodes({ observed, records: desired.nodes, ...given });
    for (const replica of desired.replicas.values()) this.put(replica);
    this.#containers = new OwnContainers(desired.replicas, observed);
  }

  get replicas(): ReadonlyMap<string, Replica> {
    return this.#replicas;
  }

  /** Containers of all its attempts, wherever they were seen. */
  containersOf(replicaId: string): readonly LocatedContainer[] {
    return this.#containers.of(replicaId);
  }

  /** Those that can be looked after now: on its own node as last seen, elsewhere where the node answers. */
  reachableContainersOf(replica: Replica): readonly LocatedContainer[] {
    return this.#containers.reachableOf(replica);
  }

  /** Nothing is done for it in this pass; its replicas hold what they hold. */
  isLeftAlone(service: ServiceKey): boolean {
    return this.#alone.has(service);
  }

  /** It is being taken down. */
  isDeleted(service: ServiceKey): boolean {
    return Boolean(this.services.get(service)?.removal);
  }

  /** The replica's generation was ready once. */
  isKnownToWork({ service: key, generation }: Replica): boolean {
    const service = this.services.get(key);
    return service !== undefined && isKnownToWork(service, generation);
  }

  /** All but those that are left alone. */
  lookedAfter(): Replica[] {
    return [...this.#replicas.values()].filter(r => !this.isLeftAlone(r.service));
  }

  ofService(key: ServiceKey): Replica[] {
    return [...(this.#byService.get(key)?.values() ?? [])];
  }

  specOf(replica: Pick<Replica, 'service' | 'generation'>): ServiceSpec {
    const spec = this.#desired.specOf(replica.service, replica.generation);
    if (!spec) throw new Error(`no spec is stored for ${replica.service} generation ${replica.generation}`);
    return spec;
  }

  /** The spec of a generation, where it is still kept. */
  keptSpec(service: ServiceKey, generation: number): ServiceSpec | undefined {
    return this.#desired.specOf(service, generation);
  }

  put(replica: Replica): void {
    this.#replicas.set(replica.id, replica);
    const siblings = this.#byService.get(replica.service) ?? new Map<string, Replica>();
    this.#byService.set(replica.service, siblings.set(replica.id, replica));
  }

  delete(replica: Replica): void {
    this.#replicas.delete(replica.id);
    this.#byService.get(replica.service)?.delete(replica.id);
  }
}
