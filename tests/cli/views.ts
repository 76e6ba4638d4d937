import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';

/** A replica as the control plane shows it, ready unless said otherwise. */
export function replicaView(part: Partial<ReplicaView> = {}): ReplicaView {
  return {
    id: 'r1',
    generation: 1,
    image: 'echo:1',
    phase: 'ready',
    sinceMs: 1_000,
    message: '',
    node: 'local',
    devices: [],
    containerName: 'demo-echo-r1',
    containerId: 'c0ffee00c0ffee00',
    attempt: 1,
    impaired: false,
    logTail: [],
    addresses: [{ kind: 'network', network: 'demo_default', host: '172.18.0.2', port: 50_051 }],
    createdAtMs: 0,
    timings: [],
    ...part,
  };
}

export function serviceView(part: Partial<ServiceView> = {}): ServiceView {
  return {
    namespace: 'demo',
    name: 'echo',
    generation: 1,
    image: 'echo:1',
    protocol: 'grpc',
    port: 50_051,
    wantedReplicas: 1,
    readyReplicas: 1,
    state: 'ready',
    message: '',
    deleting: false,
    origin: 'test',
    acceptedAtMs: 0,
    createdBy: '',
    askedBy: '',
    replicas: [replicaView()],
    spec: {},
    ...part,
  };
}
