import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ControlPlane } from '../control-plane.ts';
import { splitKey } from '../core/spec.ts';

/** What /metrics shows. The controller may register its own metrics into the same registry. */
export interface Metrics {
  readonly registry: Registry;
  /** Begins to read the state of this control plane whenever somebody asks for metrics. */
  show(source: { controlPlane: ControlPlane; openStreams: () => number }): void;
  /** One answered request: the route's pattern or the gRPC method, and the error code or `ok`. */
  answered(request: { protocol: 'http' | 'grpc'; route: string; code: string; seconds: number }): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  // The event loop's delay is sampled by a timer of its own, every 10 ms by default: that alone is half a percent of a
  // core in an idle process.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 500 });
  const requests = new Counter({
    name: 'outrigger_api_requests_total',
    help: 'API requests answered, by protocol, route and error code.',
    labelNames: ['protocol', 'route', 'code'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'outrigger_api_request_duration_seconds',
    help: 'Time from a request to the end of its answer; streams are not counted.',
    labelNames: ['protocol', 'route'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers: [registry],
  });
  return {
    registry,
    answered({ protocol, route, code, seconds }) {
      requests.inc({ protocol, route, code });
      if (seconds >= 0) durations.observe({ protocol, route }, seconds);
    },
    show: source => showState(registry, source),
  };
}

function showState(
  registry: Registry,
  { controlPlane, openStreams }: { controlPlane: ControlPlane; openStreams: () => number },
): void {
  const gauge: MakeGauge = (name, help, labelNames, collect) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        collect(this);
      },
    });
  gauge('outrigger_replicas', 'Replicas by service and phase.', ['namespace', 'service', 'phase'], g => {
    for (const service of controlPlane.services()) {
      for (const replica of service.replicas) {
        g.inc({ namespace: service.namespace, service: service.name, phase: replica.phase });
      }
    }
  });
  gauge('outrigger_services', 'Services by state.', ['state'], g => {
    for (const service of controlPlane.services()) g.inc({ state: service.state });
  });
  gauge('outrigger_replicas_waiting', 'Replicas that wait for a place, by service.', ['namespace', 'service'], g => {
    for (const { namespace, name, replicas } of controlPlane.services()) {
      g.set({ namespace, service: name }, replicas.filter(r => r.phase === 'pending').length);
    }
  });
  showNodes(gauge, controlPlane);
  gauge('outrigger_endpoints', 'Endpoints in the discovery hub by service.', ['namespace', 'service'], g => {
    for (const key of controlPlane.hub.services()) {
      const [namespace, service] = splitKey(key);
      g.set({ namespace, service }, controlPlane.hub.snapshot(key).endpoints.length);
    }
  });
  gauge('outrigger_watchers', 'Clients that watch endpoints.', [], g => g.set(controlPlane.hub.watcherCount()));
  gauge('outrigger_api_open_streams', 'Open watches, event streams and logs.', [], g => g.set(openStreams()));
  gauge('outrigger_registry_healthy', '1 while the registry answers.', ['kind'], g => {
    const { kind, healthy } = controlPlane.status().registry;
    g.set({ kind }, healthy ? 1 : 0);
  });
}

type MakeGauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void) => void;

function showNodes(gauge: MakeGauge, controlPlane: ControlPlane): void {
  gauge('outrigger_node_answering', '1 while the node answers.', ['node'], g => {
    for (const { name, answering } of controlPlane.nodes()) g.set({ node: name }, answering ? 1 : 0);
  });
  gauge('outrigger_node_draining', '1 while the node gives its replicas away, or has none left.', ['node'], g => {
    for (const { name, drainingSinceMs } of controlPlane.nodes()) {
      g.set({ node: name }, drainingSinceMs === undefined ? 0 : 1);
    }
  });
  gauge(
    'outrigger_node_cpus',
    'CPUs of the node, those reserved by the operator, and those that replicas hold.',
    SHARES,
    g => {
      for (const { name: node, cpus, reservedCpus, heldCpus } of controlPlane.nodes()) {
        g.set({ node, share: 'all' }, cpus);
        g.set({ node, share: 'reserved' }, reservedCpus);
        g.set({ node, share: 'held' }, heldCpus);
      }
    },
  );
  gauge('outrigger_node_memory_bytes', 'Memory of the node, as its CPUs.', SHARES, g => {
    for (const { name: node, memoryBytes, reservedMemoryBytes, heldMemoryBytes } of controlPlane.nodes()) {
      g.set({ node, share: 'all' }, memoryBytes);
      g.set({ node, share: 'reserved' }, reservedMemoryBytes);
      g.set({ node, share: 'held' }, heldMemoryBytes);
    }
  });
  gauge('outrigger_devices', 'Devices by node, kind and state.', ['node', 'kind', 'state'], g => {
    for (const { name: node, devices } of controlPlane.nodes()) {
      for (const { kind, state } of devices) g.inc({ node, kind, state });
    }
  });
  gauge('outrigger_device_memory_bytes', "The device's memory, declared by holders and measured.", DEVICE_SHARES, g => {
    for (const { name: node, devices } of controlPlane.nodes()) {
      for (const { id: device, memoryBytes, declaredBytes, measuredUsedBytes } of devices) {
        if (memoryBytes !== undefined) g.set({ node, device, share: 'all' }, memoryBytes);
        g.set({ node, device, share: 'declared' }, declaredBytes);
        if (measuredUsedBytes !== undefined) g.set({ node, device, share: 'measured' }, measuredUsedBytes);
      }
    }
  });
}

const SHARES = ['node', 'share'];
const DEVICE_SHARES = ['node', 'device', 'share'];
