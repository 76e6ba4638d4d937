import { currentId } from '../node.ts';
import type { Observed } from '../observed.ts';
import { OwnContainers } from '../own-containers.ts';
import { sharedMemoryOf } from '../placement/device-fit.ts';
import { givenDevices, type Placement, placementOf, type Replica } from '../replica.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';
import { AT_REST, type TurnStage, turnStage } from './turn-stage.ts';

/** A replica that shares its devices with others. */
export interface Sharer {
  readonly replica: Replica;
  readonly placement: Placement;
  readonly declaredBytes: number;
  readonly priority: number;
  /** Its devices over all nodes. */
  readonly keys: readonly string[];
  readonly stage: TurnStage;
}

/** What is stored of those who may share devices. */
export interface Sharing {
  readonly replicas: ReadonlyMap<string, Replica>;
  readonly specOf: (service: ServiceKey, generation: number) => ServiceSpec | undefined;
  /** Nothing is begun for it in this pass. */
  readonly isLeftAlone: (service: ServiceKey) => boolean;
}

/** All replicas that have a place on devices which they share. */
export function sharersIn(state: Sharing, observed: Observed, now: number): Sharer[] {
  const own = new OwnContainers(state.replicas, observed);
  const containersOf = (replica: Replica) => own.reachableOf(replica).map(l => l.container);
  return [...state.replicas.values()].flatMap((replica): Sharer[] => {
    const placement = placementOf(replica);
    if (!placement || placement.devices.length === 0) return [];
    const { service, generation } = replica;
    const spec = state.specOf(service, generation);
    const declaredBytes = spec ? sharedMemoryOf(spec) : null;
    if (!spec || declaredBytes === null) return [];
    const node = observed.nodes.get(placement.node);
    const keys = givenDevices(placement).map(d => `${placement.node} ${currentId(node, d)}`);
    const due = turnStage(replica, spec, { observed, containersOf, now });
    const stage = 'since' in due && state.isLeftAlone(service) ? AT_REST : due;
    return [{ replica, placement, declaredBytes, priority: spec.priority, keys, stage }];
  });
}
