import type { NodeRecord } from './node.ts';
import type { Replica } from './replica.ts';
import type { Service } from './service.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';

/** What is wanted and what was decided so far: the stored state, to be read. */
export interface Desired {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly replicas: ReadonlyMap<string, Replica>;
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  /** The accepted spec of a generation; every generation that a replica refers to is there. */
  readonly specOf: (service: ServiceKey, generation: number) => ServiceSpec | undefined;
}
