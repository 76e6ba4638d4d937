import { z } from 'zod';
import { count, optional, timeMs } from './schema-words.ts';

const deviceHolder = z
  .strictObject({
    namespace: z.string(),
    service: z.string(),
    replicaId: z.string(),
    memoryBytes: optional(count).meta({ description: 'what it declared to use; absent: the whole device' }),
  })
  .meta({ id: 'DeviceHolder' });

const deviceSlice = z.strictObject({ of: z.string(), profile: z.string() }).meta({ id: 'DeviceSlice' });

const deviceUse = z
  .strictObject({ verdict: z.enum(['as_declared', 'overused', 'underused']), message: z.string() })
  .meta({ id: 'DeviceUse', description: 'How what is measured of a device compares with what its holders declare.' });

const device = z
  .strictObject({
    id: z.string(),
    driver: z.enum(['cdi', 'nvidia']),
    kind: z.string().meta({ description: 'the CDI kind, such as nvidia.com/gpu' }),
    index: optional(z.string()),
    uuid: optional(z.string()),
    model: optional(z.string()),
    memoryBytes: optional(count),
    slice: optional(deviceSlice),
    state: z.enum(['free', 'shared', 'held', 'quarantined', 'vanished']),
    holders: z.array(deviceHolder),
    declaredBytes: count.meta({ description: 'what its holders together declared to use' }),
    measuredUsedBytes: optional(count),
    measuredFreeBytes: optional(count),
    use: optional(deviceUse),
    message: optional(z.string()),
    quarantinedUntilMs: optional(timeMs),
  })
  .meta({ id: 'Device', description: 'One GPU, or one MIG slice, of a node.' });

export const nodeView = z
  .strictObject({
    name: z.string(),
    connection: z.string(),
    address: z.string(),
    reach: z.enum(['containers', 'published']),
    state: z.enum(['answering', 'silent', 'draining', 'drained', 'leaving']),
    answering: z.boolean(),
    error: optional(z.string()),
    silentSinceMs: optional(timeMs),
    drainingSinceMs: optional(timeMs),
    cpus: z.number(),
    memoryBytes: count,
    reservedCpus: z.number().meta({ description: 'what the operator keeps from replicas' }),
    reservedMemoryBytes: count,
    heldCpus: z.number().meta({ description: 'what replicas hold' }),
    heldMemoryBytes: count,
    devices: z.array(device),
    driverTrouble: optional(z.string()).meta({
      description: "why NVIDIA's driver could not be asked the last time: the devices are as they were last known",
    }),
    replicas: count,
    labels: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Node', description: 'A Docker Engine with CPUs, memory and devices.' });
