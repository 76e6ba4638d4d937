import { z } from 'zod';
import { count, optional, phaseKind, serviceState, timeMs } from './schema-words.ts';

const amount = z.union([z.number(), z.string()]).meta({
  id: 'Amount',
  description: 'In the unit of the constraint: cores, bytes, devices; or a text such as a model or a label.',
});

const rejection = z
  .strictObject({
    node: z.string(),
    device: optional(z.string()),
    constraint: z.string(),
    message: z.string(),
    requested: optional(amount),
    free: optional(z.number()),
    total: optional(z.number()),
    found: optional(z.string()).meta({ description: 'what is there instead' }),
    heldBy: z.array(z.string()).meta({ description: 'services whose replicas hold what is missing' }),
  })
  .meta({ id: 'Rejection', description: 'What one node, or one device of it, does not meet.' });

const whyGroup = z
  .strictObject({
    constraint: z.string().meta({ description: 'a stable word: what was not met' }),
    nodes: z.array(z.string()),
    message: z.string().meta({ description: 'of the node that comes closest; so are the figures' }),
    requested: optional(amount),
    free: optional(z.number()),
    total: optional(z.number()),
    heldBy: z.array(z.string()).meta({ description: 'services whose replicas hold what is missing' }),
    help: z.array(z.string()).meta({ description: 'what a person can do, the simplest first' }),
  })
  .meta({ id: 'WhyGroup', description: 'Reasons that have something in common, and what would help.' });

const whyReplica = z
  .strictObject({
    id: z.string(),
    generation: count,
    phase: phaseKind,
    impaired: z.boolean().meta({ description: 'with phase ready: its readiness probe fails at present' }),
    sinceMs: timeMs,
    waiting: z.boolean(),
    node: optional(z.string()),
    devices: z.array(z.string()),
    retryAtMs: optional(timeMs),
    summary: z.array(z.string()),
    groups: z.array(whyGroup),
    rejections: z.array(rejection),
  })
  .meta({ id: 'WhyReplica' });

export const whyView = z
  .strictObject({
    namespace: z.string(),
    name: z.string(),
    state: serviceState,
    message: z.string(),
    total: count.meta({ description: 'all its replicas; of many that are alike not all are listed' }),
    waiting: count.meta({ description: 'those of them that wait' }),
    replicas: z.array(whyReplica),
  })
  .meta({ id: 'Why', description: 'Where the replicas of a service are, and what the others wait for.' });
