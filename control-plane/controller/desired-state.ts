import type { Desired } from '../core/desired.ts';
import type { NodeRecord } from '../core/node.ts';
import type { Plan } from '../core/plan/plan.ts';
import type { Replica } from '../core/replica.ts';
import type { Service } from '../core/service.ts';
import type { ServiceKey, ServiceSpec } from '../core/spec.ts';
import type { Change, StoredState } from '../ports.ts';

/** The stored state as the loop holds it in memory. Immutable; every step makes the next one together with its changes. */
export class DesiredState implements Desired {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly replicas: ReadonlyMap<string, Replica>;
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  readonly #generations: ReadonlyMap<string, StoredGeneration>;

  constructor(
    services: ReadonlyMap<ServiceKey, Service>,
    replicas: ReadonlyMap<string, Replica>,
    nodes: ReadonlyMap<string, NodeRecord>,
    generations: ReadonlyMap<string, StoredGeneration>,
  ) {
    this.services = services;
    this.replicas = replicas;
    this.nodes = nodes;
    this.#generations = generations;
  }

  static from(stored: StoredState): DesiredState {
    return new DesiredState(
      new Map(stored.services.map(s => [s.key, s])),
      new Map(stored.replicas.map(r => [r.id, r])),
      new Map(stored.nodes.map(n => [n.name, n])),
      new Map(stored.generations.map(g => [generationKey(g.service, g.generation), g])),
    );
  }

  readonly specOf = (service: ServiceKey, generation: number): ServiceSpec | undefined =>
    this.#generations.get(generationKey(service, generation))?.spec;

  /** The images that are or were wanted, as far as their generations are kept. */
  images(): ReadonlySet<string> {
    return new Set([...this.#generations.values()].map(g => g.spec.image));
  }

  /** The state after the changes; those of kind `event` leave it as it is. */
  with(changes: readonly Change[]): DesiredState {
    const services = new Map(this.services);
    const replicas = new Map(this.replicas);
    const nodes = new Map(this.nodes);
    const generations = new Map(this.#generations);
    for (const change of changes) {
      switch (change.kind) {
        case 'put_service':
          services.set(change.service.key, change.service);
          break;
        case 'delete_service':
          services.delete(change.key);
          break;
        case 'put_generation':
          generations.set(generationKey(change.service, change.generation), change);
          break;
        case 'delete_generation':
          generations.delete(generationKey(change.service, change.generation));
          break;
        case 'put_replica':
          replicas.set(change.replica.id, change.replica);
          break;
        case 'delete_replica':
          replicas.delete(change.id);
          break;
        case 'put_node':
          nodes.set(change.node.name, change.node);
          break;
        case 'delete_node':
          nodes.delete(change.name);
          break;
        case 'event':
          break;
        default:
          change satisfies never;
      }
    }
    return new DesiredState(services, replicas, nodes, generations);
  }

  /** The changes that lead from here to the plan's state, old generations that nobody needs included. */
  changesTo({ services, replicas, nodes }: Pick<Plan, 'services' | 'replicas' | 'nodes'>): Change[] {
    const changes: Change[] = [];
    for (const [key, service] of services)
      if (this.services.get(key) !== service) changes.push({ kind: 'put_service', service });
    for (const key of this.services.keys()) if (!services.has(key)) changes.push({ kind: 'delete_service', key });
    for (const [id, replica] of replicas)
      if (this.replicas.get(id) !== replica) changes.push({ kind: 'put_replica', replica });
    for (const id of this.replicas.keys()) if (!replicas.has(id)) changes.push({ kind: 'delete_replica', id });
    for (const [name, node] of nodes) if (this.nodes.get(name) !== node) changes.push({ kind: 'put_node', node });
    for (const name of this.nodes.keys()) if (!nodes.has(name)) changes.push({ kind: 'delete_node', name });
    if (changes.some(c => c.kind !== 'put_replica')) changes.push(...this.#outdatedGenerations(services, replicas));
    return changes;
  }

  #outdatedGenerations(services: ReadonlyMap<ServiceKey, Service>, replicas: ReadonlyMap<string, Replica>): Change[] {
    const needed = new Set<string>();
    for (const replica of replicas.values()) needed.add(generationKey(replica.service, replica.generation));
    for (const service of services.values()) {
      needed.add(generationKey(service.key, service.generation));
      const { rollout } = service;
      if ((rollout.kind === 'progressing' || rollout.kind === 'paused') && rollout.previous !== null) {
        needed.add(generationKey(service.key, rollout.previous));
      }
    }
    return [...this.#generations.values()]
      .filter(g => !needed.has(generationKey(g.service, g.generation)))
      .map(g => ({ kind: 'delete_generation', service: g.service, generation: g.generation }));
  }
}

export interface StoredGeneration {
  readonly service: ServiceKey;
  readonly generation: number;
  readonly spec: ServiceSpec;
}

function generationKey(service: ServiceKey, generation: number): string {
  return `${service}@${generation}`;
}
