import fc from 'fast-check';
import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { ObservedDevice, ObservedNode } from '../../control-plane/core/observed.ts';
import type { PlacementRequest } from '../../control-plane/core/placement/cluster.ts';
import type { ServiceSpec, ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { aNode } from './replicas.ts';
import { aSpec } from './specs.ts';

export const GIB = 2 ** 30;

/** Devices numbered from 0, whole GPUs with CDI names unless said otherwise. */
export function gpus(...devices: Partial<ObservedDevice>[]): ObservedDevice[] {
  return devices.map((device, i) => ({ id: `nvidia.com/gpu=${i}`, index: `${i}`, driver: 'cdi', ...device }));
}

export function request(replicaId: string, spec: ServiceSpec, given: Partial<PlacementRequest> = {}): PlacementRequest {
  return { replicaId, service: `${spec.namespace}/${spec.name}`, spec, createdAt: 0, ...given };
}

/** A request of the fields that a test cares about, by a service of its own. */
export function asking(name: string, input: Partial<ServiceSpecInput>, given: Partial<PlacementRequest> = {}) {
  return request(`${name}-1`, aSpec({ name, ...input }), given);
}

/** A GPU with two slices that are devices of their own. */
const SLICED = gpus(
  { memoryBytes: 80 * GIB, model: 'H100', uuid: 'GPU-0' },
  { memoryBytes: 40 * GIB, model: 'H100 MIG 3g.40gb', slice: { of: 'GPU-0', profile: '3g.40gb' } },
  { memoryBytes: 20 * GIB, model: 'H100 MIG 2g.20gb', slice: { of: 'nvidia.com/gpu=0', profile: '2g.20gb' } },
  { memoryBytes: 80 * GIB, model: 'H100' },
);

const inventory = fc.oneof(
  fc.constant<ObservedDevice[]>([]),
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom('H100', 'L4'))
    .map(([count, model]) => gpus(...Array(count).fill({ model, memoryBytes: (model === 'L4' ? 24 : 80) * GIB }))),
  fc.constant(SLICED),
  fc.constant([
    ...gpus({ memoryBytes: 24 * GIB, model: 'L4' }, {}),
    { id: 'amd.com/gpu=0', driver: 'cdi' as const, model: 'MI300X', memoryBytes: 192 * GIB },
  ]),
);

/** Nodes of a few kinds with unordered names; some silent, leaving, drained or with a device in quarantine. */
export function someNodes(limits: {
  readonly max: number;
}): fc.Arbitrary<{ nodes: ObservedNode[]; records: Map<string, NodeRecord> }> {
  const node = fc.record({
    name: fc.stringMatching(/^[a-z]{1,4}$/),
    cpus: fc.constantFrom(2, 4, 8),
    reservedCpus: fc.constantFrom(0, 0, 0.5),
    memoryBytes: fc.constantFrom(8, 16).map(gib => gib * GIB),
    devices: inventory,
    zone: fc.constantFrom('', 'x', 'y'),
    rack: fc.constantFrom('', '1'),
    images: fc.subarray(['image:1', 'other:latest']),
    state: fc.constantFrom('open', 'open', 'open', 'open', 'silent', 'leaving', 'draining', 'quarantine'),
  });
  return fc.uniqueArray(node, { maxLength: limits.max, selector: n => n.name, size: 'max' }).map(all => {
    const nodes = all.map(({ zone, rack, state, images, ...n }) =>
      aNode({
        ...n,
        answering: state !== 'silent',
        leaving: state === 'leaving',
        labels: { ...(zone && { zone }), ...(rack && { rack }) },
        images: new Set(images),
      }),
    );
    const records = all.flatMap(({ name, state }): NodeRecord[] => {
      const quarantined = [{ device: '0', since: 1, reason: 'r saw nothing' }];
      if (state === 'draining') return [{ name, drainingSince: 1, quarantined: [] }];
      return state === 'quarantine' ? [{ name, drainingSince: null, quarantined }] : [];
    });
    return { nodes, records: new Map(records.map(r => [r.name, r])) };
  });
}

const gpu = fc.oneof(
  fc.record({ count: fc.constantFrom(1, 1, 2, 3, -1), models: fc.subarray(['H100', 'l4', 'MI300']) }),
  fc.record({ exclusive: fc.constant(false), memoryBytes: fc.integer({ min: 1, max: 40 }).map(gib => gib * GIB) }),
  fc.record({
    exclusive: fc.constant(false),
    memoryBytes: fc.constantFrom(5 * GIB, 11 * GIB),
    count: fc.constantFrom(2, -1),
  }),
  fc.record({ memoryBytes: fc.constantFrom(20 * GIB, 60 * GIB, 100 * GIB) }),
  fc.record({
    deviceIds: fc.subarray(['0', '1', 'GPU-0', 'nvidia.com/gpu=2', 'amd.com/gpu=0'], { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ kind: fc.constantFrom('amd.com/gpu', 'nvidia.com/gpu') }),
  fc.record({ driver: fc.constantFrom('cdi' as const, 'nvidia' as const), count: fc.constantFrom(1, 2) }),
);

const placement = fc.record({
  constraints: fc.subarray(['node.labels.zone == x', 'node.labels.rack != 1', 'node.hostname != a'], { maxLength: 1 }),
  spread: fc.constantFrom<string[]>([], [], ['node.labels.zone'], ['node.labels.zone', 'node.labels.rack']),
});

/** One of a few services, each with any spec. */
export const someSpec: fc.Arbitrary<ServiceSpec> = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    image: fc.constantFrom('image:1', 'other', 'elsewhere:1'),
    pullPolicy: fc.constantFrom('missing' as const, 'missing' as const, 'never' as const),
    cpus: fc.constantFrom(0, 0.1, 1, 3),
    memoryBytes: fc.constantFrom(0, 1, 4, 12).map(gib => gib * GIB),
    gpu: fc.option(gpu, { nil: undefined }),
    placement,
    maxPerNode: fc.constantFrom(undefined, undefined, 1, 2),
    hostPort: fc.constantFrom(0, 0, 0, 8080),
    priority: fc.constantFrom(0, 0, 5),
  })
  .map(({ cpus, memoryBytes, gpu: devices, placement: where, maxPerNode, hostPort, ...rest }) =>
    aSpec({
      ...rest,
      resources: { cpus, memoryBytes, ...(devices && { gpu: devices }) },
      placement: { ...where, ...(maxPerNode && { maxPerNode }) },
      ports: hostPort > 0 ? [{ containerPort: 80, hostPort }] : [],
    }),
  );
