import type { Plan } from '../core/plan/plan.ts';
import { containerOf, isAvailable } from '../core/replica.ts';
import type { DeviceWatch } from '../nodes/device-watch.ts';
import type { Registry, Sidecar } from '../ports.ts';
import type { DiscoveryHub } from '../registry/hub.ts';
import type { DesiredState } from './desired-state.ts';
import { deviceTarget, probeTarget } from './probe-targets.ts';

/** Tells those who hold it complete what a plan says: the endpoints for clients, the containers for those who ask them. */
export class Publication {
  readonly #to: { registry: Registry; hub: DiscoveryHub; sidecar: Sidecar; deviceWatch: DeviceWatch };

  constructor(to: { registry: Registry; hub: DiscoveryHub; sidecar: Sidecar; deviceWatch: DeviceWatch }) {
    this.#to = to;
  }

  publish({ services, endpoints, probed }: Plan): void {
    const { registry, hub, sidecar, deviceWatch } = this.#to;
    hub.publish(new Set(services.keys()), endpoints);
    registry.publish(endpoints);
    sidecar.target(probed.map(probeTarget));
    deviceWatch.target(probed.flatMap(deviceTarget));
  }

  /**
   * What cannot be stored is not begun, but an endpoint that leads nowhere leaves its clients all the same: only what the
   * stored state calls ready, and the plan too, stays published.
   */
  withdraw({ endpoints }: Plan, stored: DesiredState): void {
    const { registry, hub } = this.#to;
    const kept = endpoints.filter(({ replicaId, containerId }) => {
      const replica = stored.replicas.get(replicaId);
      return replica !== undefined && isAvailable(replica) && containerOf(replica)?.id === containerId;
    });
    hub.publish(new Set(stored.services.keys()), kept);
    registry.publish(kept);
  }
}
