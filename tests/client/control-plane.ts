import type { ExecutionContext } from 'ava';
import { type Api, startApi } from '../../control-plane/api/index.ts';
import type { Endpoint } from '../../control-plane/core/endpoint.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import { DiscoveryHub } from '../../control-plane/registry/hub.ts';
import type { ServiceView } from '../../control-plane/views/views.ts';
import { replicaView, serviceView } from '../cli/views.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';

class HubControlPlane extends FakeControlPlane {
  override readonly hub: DiscoveryHub;
  constructor(epoch: string) {
    super();
    // What clients say counts here, not how long they are waited for.
    this.hub = new DiscoveryHub(epoch, { returnMs: 0 });
  }

  /** Its state knows the replicas that the tests name, whichever are published at the moment. */
  override services(): readonly ServiceView[] {
    return STORED;
  }
}

const STORED: readonly ServiceView[] = [
  serviceView({ namespace: 'shop', name: 'embedder', replicas: [...'abcdef'].map(id => replicaView({ id })) }),
];

/** The real API servers over a real discovery hub, on loopback; killed and started again at the same port. */
export class TestControlPlane {
  #api: Api | null = null;
  #port = 0;
  #lives = 0;
  hub: DiscoveryHub = new DiscoveryHub('none', { returnMs: 0 });

  static async start(t: ExecutionContext): Promise<TestControlPlane> {
    const controlPlane = new TestControlPlane();
    await controlPlane.start();
    t.teardown(() => controlPlane.kill());
    return controlPlane;
  }

  /** `127.0.0.1:port` */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** What it published before is what it restored, unless `publish` says otherwise. */
  async start(publish?: (hub: DiscoveryHub) => void): Promise<void> {
    const controlPlane = new HubControlPlane(`life ${++this.#lives}`);
    this.hub = controlPlane.hub;
    publish?.(this.hub);
    const api = await startApi({ controlPlane, listen: [{ kind: 'tcp', host: '127.0.0.1', port: this.#port }] });
    this.#api = api;
    this.#port = Number(/:(\d+)$/.exec(api.addresses[0]!)![1]);
  }

  /** As after a kill: every connection is cut, nothing is said. */
  async kill(): Promise<void> {
    const api = this.#api;
    this.#api = null;
    await api?.close(AbortSignal.abort());
  }
}

/** The one service that the tests call. */
export const SERVICE: ServiceKey = 'shop/embedder';

/** The endpoint of a replica that listens on loopback. */
export function endpointAt(replicaId: string, port: number, service: ServiceKey = SERVICE): Endpoint {
  return {
    service,
    replicaId,
    containerId: `container-of-${replicaId}`,
    generation: 1,
    node: 'local',
    protocol: 'grpc',
    addresses: [{ kind: 'published', host: '127.0.0.1', port }],
  };
}

/** Makes these replicas the service's only ready ones. */
export function publish(hub: DiscoveryHub, replicas: readonly { id: string; port: number }[]): void {
  hub.publish(
    new Set([SERVICE]),
    replicas.map(replica => endpointAt(replica.id, replica.port)),
  );
}
