import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '../written-files/duration.ts';
import { parseSize, SIZE_PATTERN } from '../written-files/size.ts';

/**
 * What stands under `x-outrigger` of a service. The program validates with this schema, and docs/x-outrigger.schema.json
 * is generated from its input side. Keys stay as a person writes them; values come out as milliseconds, bytes, numbers.
 * Numbers and flags may be text, because Compose's interpolation (`port: ${PORT}`) leaves text behind.
 */

const DURATION = 'expected a duration with units, such as "30s", "10m" or "1h30m"';
const SIZE = 'expected a size such as "10GiB", "4g" or a number of bytes';
const CDI_KIND = 'expected a CDI kind, such as "amd.com/gpu" or "nvidia.com/mig"';
const CHECK = 'expected a command that ends with 0 while the devices are seen: a list of words, or a line for a shell';
const ABOVE_0 = 'expected a number above 0';
const DAY_MS = 24 * 3_600_000;
const YEAR_MS = 365 * DAY_MS;

function duration({ minMs, maxMs = YEAR_MS }: { minMs: number; maxMs?: number }) {
  const most = maxMs === DAY_MS ? 'a day' : 'a year';
  return z
    .string({ error: DURATION })
    .regex(DURATION_PATTERN, DURATION)
    .transform(text => parseDuration(text) ?? -1)
    .refine(
      ms => ms >= minMs && ms <= maxMs,
      minMs > 0 ? `expected a duration longer than zero and at most ${most}` : `expected a duration of at most ${most}`,
    );
}

const size = z
  .union([z.int(SIZE).min(1, SIZE), z.string(SIZE).regex(SIZE_PATTERN, SIZE)], { error: SIZE })
  .transform(value => parseSize(String(value)) ?? 0)
  .refine(sizeBytes => sizeBytes > 0, SIZE);

function count(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}`;
  return z
    .union(
      [
        z.int(expected).min(min, expected).max(max, expected),
        z.string(expected).regex(min < 0 ? /^-?\d{1,9}$/ : /^\d{1,9}$/, expected),
      ],
      { error: expected },
    )
    .transform(Number)
    .refine(n => n >= min && n <= max, expected);
}

const flag = z
  .union([z.boolean(), z.enum(['true', 'false'])], { error: 'expected true or false' })
  .transform(value => value === true || value === 'true');

const portNumber = count(1, 65_535);
const path = z
  .string({ error: 'expected a path that begins with "/"' })
  .regex(/^\//, 'expected a path that begins with "/"')
  .max(2_048);
const headers = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String), {
  error: 'expected a mapping of header names to values',
});

/** `grpc:` without anything below it means the same as `grpc: {}`. */
function orNothing<T extends z.ZodRawShape>(shape: T) {
  return z
    .union([z.null(), z.strictObject(shape)], { error: 'expected a mapping, such as {}' })
    .transform(value => value ?? ({} as z.output<z.ZodObject<T>>));
}

const checks = {
  grpc: orNothing({
    service: z.string().max(256).optional().describe('Name asked of grpc.health.v1; empty for the whole server.'),
    port: portNumber.optional(),
    expect: z.enum(['serving', 'answer']).optional().describe('answer: a server without a health service passes too.'),
  })
    .optional()
    .describe('Asks grpc.health.v1.'),
  http: orNothing({
    path: path.optional().describe('Default "/".'),
    port: portNumber.optional(),
    headers: headers.optional(),
    expect: z
      .enum(['success', 'available', 'answer'])
      .optional()
      .describe('success: status 200-399; available: any but 502, 503 and 504; answer: any HTTP response.'),
  })
    .optional()
    .describe('Sends a GET request.'),
  tcp: orNothing({ port: portNumber.optional() }).optional().describe('Opens a connection.'),
  container: orNothing({}).optional().describe("Reads the state of the container's own healthcheck."),
};

const CHECK_KINDS = ['grpc', 'http', 'tcp', 'container'] as const;

function atMostOneCheck(probe: Partial<Record<(typeof CHECK_KINDS)[number], unknown>>): boolean {
  return CHECK_KINDS.filter(kind => probe[kind] !== undefined).length <= 1;
}
const ONE_CHECK = 'expected one of grpc, http, tcp and container, found several';

const probe = z
  .strictObject({
    ...checks,
    interval: duration({ minMs: 1 }).optional().describe('Between two probes of a ready replica.'),
    timeout: duration({ minMs: 1 }).optional().describe('How long one probe may take.'),
    failures: count(1, 1_000).optional().describe('So many failures in a row make the probe failed.'),
  })
  .refine(atMostOneCheck, ONE_CHECK);

const startupProbe = z
  .strictObject({
    ...checks,
    timeout: duration({ minMs: 1 })
      .optional()
      .describe('From the start of the container to the first success; default 10m.'),
    attempt_timeout: duration({ minMs: 1 }).optional().describe('How long one probe may take; default 1s.'),
  })
  .refine(atMostOneCheck, ONE_CHECK);

const replicas = z.union(
  [
    count(0, 10_000),
    z.strictObject({
      min: count(0, 10_000).optional().describe('Default 1.'),
      max: count(0, 10_000).optional().describe('Default: the larger of min, initial and 1.'),
      initial: count(0, 10_000)
        .optional()
        .describe('Default: deploy.replicas where given, else the larger of min and 1.'),
      target_in_flight: z
        .union([z.number(ABOVE_0).positive(ABOVE_0), z.string(ABOVE_0).regex(/^\d+(\.\d+)?$/, ABOVE_0)], {
          error: ABOVE_0,
        })
        .transform(Number)
        .refine(n => n > 0, ABOVE_0)
        .optional()
        .describe('Requests in flight that one replica should have. No effect yet: nothing scales by load.'),
    }),
  ],
  { error: 'expected a number of replicas, or a mapping with min, max, initial and target_in_flight' },
);

const xGpu = orNothing({
  count: z
    .union([count(1, 1_024), z.literal('all').transform(() => -1)], {
      error: 'expected a whole number from 1 to 1024, or all',
    })
    .optional()
    .describe('Devices of one node that a replica needs; default: what the reservation says, else 1.'),
  memory: size
    .optional()
    .describe('Memory of each device that a replica needs. Unless exclusive is true, others may use the rest.'),
  models: z
    .array(z.string({ error: 'expected the name of a GPU model' }).min(1).max(128), {
      error: 'expected a list of GPU models, such as [H100, A100]',
    })
    .max(64)
    .optional()
    .describe('Only devices whose model contains one of these.'),
  exclusive: flag.optional().describe('Nobody else on the device. Default: false where memory is given, else true.'),
  kind: z
    .string(CDI_KIND)
    .max(256)
    .regex(/^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*$/, CDI_KIND)
    .optional()
    .describe('Only devices of this CDI kind.'),
  check: z
    .union([z.string(CHECK).min(1, CHECK), z.array(z.string(CHECK)).min(1, CHECK).max(64)], { error: CHECK })
    .transform(value => (typeof value === 'string' ? ['/bin/sh', '-c', value] : value))
    .optional()
    .describe("Run in the container to ask whether it still sees its devices; default: the vendor's own tool."),
});

const body = z.strictObject({
  protocol: z.enum(['grpc', 'http', 'tcp']).optional().describe('What clients speak to it; default tcp.'),
  port: portNumber
    .optional()
    .describe('Where clients call it inside the container; default: the only TCP port of expose and ports.'),
  scope: z
    .enum(['job', 'shared'])
    .optional()
    .describe('job: every job has its own (no effect yet: as shared); shared (default): one for the namespace.'),
  gpu: xGpu.optional().describe("Refines Compose's device reservation; alone it asks for one device."),
  replicas: replicas
    .optional()
    .describe('A number, or a range within which `outrigger scale` may go; nothing scales by itself yet.'),
  probes: z
    .strictObject({ startup: startupProbe.optional(), readiness: probe.optional(), liveness: probe.optional() })
    .optional(),
  warmup: z
    .strictObject({
      http: z.strictObject({
        path,
        method: z.enum(['GET', 'POST', 'PUT']).optional().describe('Default POST.'),
        port: portNumber.optional(),
        headers: headers.optional(),
        body: z.json().optional().describe('Sent as JSON.'),
      }),
      timeout: duration({ minMs: 1 }).optional().describe('Default 5m.'),
    })
    .optional()
    .describe('A request that a replica answers before it counts as ready.'),
  drain: z
    .strictObject({ timeout: duration({ minMs: 0, maxMs: DAY_MS }).optional().describe('Default 30s; at most a day.') })
    .optional()
    .describe('How long requests may finish before a replica is stopped.'),
  update: z
    .strictObject({
      order: z.enum(['start-first', 'stop-first']).optional().describe('Default start-first.'),
      max_surge: count(0, 1_000).optional().describe('Replicas above the wanted number; default 1.'),
      max_unavailable: count(0, 1_000).optional().describe('Replicas below the wanted number; default 0.'),
      on_failure: z.enum(['rollback', 'pause', 'continue']).optional().describe('Default rollback.'),
      monitor: duration({ minMs: 0, maxMs: DAY_MS })
        .optional()
        .describe('How long a new replica has to be ready before it counts; default 5s.'),
    })
    .optional(),
  idle_timeout: duration({ minMs: 0 })
    .optional()
    .describe(
      'With replicas.min 0: without requests for so long, a replica is idle and makes room for services of higher priority; default 30s. It does not scale to zero by itself yet.',
    ),
  priority: count(-1_000, 1_000)
    .optional()
    .describe(
      'Higher is placed first, and takes the room of idle services with replicas.min 0 that are lower; default 0.',
    ),
});

export const xOutrigger = z
  .union([z.null(), body], { error: 'expected a mapping' })
  .transform(value => value ?? ({} as z.output<typeof body>))
  .describe('Outrigger: what Compose has no word for, under x-outrigger of a service.');

export type XOutrigger = z.output<typeof body>;
export type XProbe = z.output<typeof probe>;
export type XStartupProbe = z.output<typeof startupProbe>;
