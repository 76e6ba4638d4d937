import { z } from 'zod';
import { OutriggerError } from '../core/errors.ts';
import { namespaceName, serviceName } from '../core/spec.ts';

/** What may be asked, for both protocols: HTTP puts path, query and body together, gRPC its message, and both parse here. */
const names = z.array(serviceName).max(1_000).default([]);
const nodeName = z.string().min(1).max(253);
const requestId = z.string().max(64);
const replicaId = z.string().min(1).max(64);
const service = z.strictObject({ namespace: namespaceName, name: serviceName });

export const requests = {
  apply: z.strictObject({
    specs: z.array(z.record(z.string(), z.unknown())).min(1).max(1_000),
    origin: z.string().max(4_096).default(''),
    dryRun: z.boolean().default(false),
    requestId: requestId.default(''),
  }),
  remove: z.strictObject({
    namespace: namespaceName,
    names,
    volumes: z.boolean().default(false),
    graceMs: z
      .int()
      .min(0)
      .max(24 * 3_600_000, 'expected at most 24 hours')
      .optional(),
    askedBy: requestId.min(1).optional(),
  }),
  scale: z.strictObject({ ...service.shape, replicas: z.int().min(0).max(10_000) }),
  restart: z.strictObject({ ...service.shape, replicaId: replicaId.optional() }),
  listServices: z.strictObject({ namespace: namespaceName.optional() }),
  service,
  watch: z.strictObject({
    ...service.shape,
    clientId: z.string().max(64).default(''),
    // As many as a service may have, and as many again that leave.
    replicasInUse: z.array(replicaId).max(20_000).default([]),
  }),
  events: z.strictObject({
    namespace: namespaceName.optional(),
    name: serviceName.optional(),
    node: nodeName.optional(),
    past: z.int().min(0).max(10_000).optional(),
    after: z.int().min(0).optional(),
  }),
  node: z.strictObject({ name: nodeName }),
  undrain: z.strictObject({ name: nodeName, device: z.string().min(1).max(256).optional() }),
  logs: z.strictObject({
    namespace: namespaceName,
    names,
    replica: replicaId.optional(),
    tail: z.int().min(0).max(1_000_000).optional(),
    follow: z.boolean().default(false),
    since: z.int().min(0).optional(),
  }),
  nothing: z.strictObject({}),
} as const;

export type Requests = { [K in keyof typeof requests]: z.infer<(typeof requests)[K]> };

/** The parsed request, or `invalid_argument` that names every wrong field. */
export function parseRequest<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 20).map(issue => ({
    path: issue.path.join('.'),
    problem: issue.message,
  }));
  const said = issues.map(({ path, problem }) => (path === '' ? problem : `${path}: ${problem}`));
  throw new OutriggerError('invalid_argument', `the request is not valid: ${said.join('; ')}`, {
    next: 'Correct the named fields; docs/api.md and /v1/openapi.json describe every request.',
    details: { issues },
  });
}
