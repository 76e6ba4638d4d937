import { z } from 'zod';

/**
 * ServiceSpec: what a person wants to run, in canonical form. `compose/` compiles service files into it, programs send
 * it over the API, the store keeps it. All durations are milliseconds, all sizes bytes, CPUs are a number of cores.
 * Every optional thing has its default here and nowhere else: `serviceSpec.parse` is the one place that applies them.
 */

const name = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'expected 1-63 characters: lower-case letters, digits, "-" and "_", first a letter or digit',
  );
const port = z.int().min(1).max(65_535);
const durationMs = z
  .int()
  .min(0)
  .max(365 * 24 * 3_600_000);
const positiveMs = z
  .int()
  .min(1)
  .max(365 * 24 * 3_600_000);
/** How long the end of a replica may take: a timer counts it, and those end at 24.8 days. */
const leavingMs = z
  .int()
  .min(0)
  .max(24 * 3_600_000, 'expected at most 24 hours');
const bytes = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
/** A NUL ends a string for the kernel; runtimes refuse it, and quote the rest of it in their errors. */
const plainText = z
  .string()
  .max(128 * 1024)
  .regex(/^[^\0]*$/, 'expected no NUL character');

/** The reference grammar of distribution, and image ids. What is no reference could lead a request elsewhere. */
export const imageReference = z
  .string()
  .max(512)
  .regex(
    /^(?:sha256:[0-9a-f]{64}|(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,128})?)$/,
    'expected an image reference: [host[:port]/]name[:tag][@digest], the name in lower case',
  );

export const serviceName = name;
export const namespaceName = name;

/** What one probe asks. `container` reads the state of the image's or file's own Docker healthcheck. */
const probeCheck = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('grpc'),
    /** grpc.health.v1 service name; empty asks for the server as a whole. */
    service: z.string().max(256).default(''),
    port: port.optional(),
    /** `answer`: a server without the health service (UNIMPLEMENTED) passes too. */
    expect: z.enum(['serving', 'answer']).default('serving'),
  }),
  z.strictObject({
    kind: z.literal('http'),
    path: z.string().regex(/^\//, 'expected a path that begins with "/"').max(2_048).default('/'),
    port: port.optional(),
    headers: z.record(z.string().max(256), z.string().max(8_192)).default({}),
    /** `success`: status 200-399; `available`: any but 502, 503 and 504, "not now"; `answer`: any HTTP response. */
    expect: z.enum(['success', 'available', 'answer']).default('success'),
  }),
  z.strictObject({ kind: z.literal('tcp'), port: port.optional() }),
  z.strictObject({ kind: z.literal('container') }),
]);

export const probe = z.strictObject({
  check: probeCheck,
  /** Time between two probes once the replica is ready. Before that the prober asks faster, see sidecar/. */
  intervalMs: positiveMs.default(2_000),
  /** How long one probe may take. */
  timeoutMs: positiveMs.default(1_000),
  /** This many failures in a row make the probe failed. */
  failures: z.int().min(1).max(1_000).default(2),
});

/** A liveness probe kills: without figures it is slower to judge than a readiness probe. */
export const livenessProbe = z.strictObject({
  ...probe.shape,
  intervalMs: positiveMs.default(5_000),
  timeoutMs: positiveMs.default(2_000),
  failures: z.int().min(1).max(1_000).default(3),
});

export const startupProbe = z.strictObject({
  check: probeCheck,
  timeoutMs: positiveMs.default(1_000),
  /** From container start until the first success; later than that the start counts as failed. Model loads take long. */
  deadlineMs: positiveMs.default(600_000),
});

const warmup = z.strictObject({
  http: z.strictObject({
    path: z.string().regex(/^\//).max(2_048),
    method: z.enum(['GET', 'POST', 'PUT']).default('POST'),
    port: port.optional(),
    headers: z.record(z.string().max(256), z.string().max(8_192)).default({}),
    body: z.json().optional(),
  }),
  deadlineMs: positiveMs.default(300_000),
});

const healthcheck = z.strictObject({
  /** As Docker takes it: ["CMD", ...] or ["CMD-SHELL", line]; ["NONE"] switches an image's own one off. */
  test: z.array(plainText).min(1),
  intervalMs: positiveMs.default(30_000),
  timeoutMs: positiveMs.default(30_000),
  retries: z.int().min(1).max(1_000).default(3),
  startPeriodMs: durationMs.default(0),
});

const gpu = z.strictObject({
  /** Devices a replica needs, all from one node; -1 means all of a node (Compose's `count: all`). */
  count: z.int().min(-1).max(1_024).default(1),
  /** Exactly these devices: id, index or UUID as the node lists them; then `count` is their number. */
  deviceIds: z.array(z.string().max(256)).max(1_024).default([]),
  /** `nvidia`: a device of NVIDIA's, however the engine hands it over; `cdi`: one that has a CDI name. */
  driver: z.enum(['nvidia', 'cdi']).optional(),
  /** Only devices of this CDI kind, such as `amd.com/gpu`. */
  kind: z
    .string()
    .max(256)
    .regex(/^[^/=]+\/[^/=]+$/, 'expected a CDI kind: vendor/class')
    .optional(),
  capabilities: z.array(z.string().max(64)).max(32).default(['gpu']),
  /** Of each device; with `exclusive: false` the rest of it is others' to use. */
  memoryBytes: bytes.optional(),
  /** Only devices whose model contains one of these, whatever the case. */
  models: z.array(z.string().max(128)).max(64).default([]),
  exclusive: z.boolean().default(true),
  /** What is run in the container to ask whether it still sees its devices: exit 0 says yes. Absent: the vendor's own tool. */
  check: z.array(plainText).min(1).max(64).optional(),
});

const resources = z.strictObject({
  /** Cores; scheduled as reserved, and the container's limit where `limitCpus` says so. */
  cpus: z.number().min(0).max(4_096).default(0),
  memoryBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  limitCpus: z.number().min(0).max(4_096).default(0),
  limitMemoryBytes: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  pids: z.int().min(1).max(4_194_304).default(4_096),
  gpu: gpu.optional(),
});

const mount = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('volume'),
    /** The engine's volume name, project prefix included; absent makes an anonymous one that goes with the container. */
    name: z.string().max(255).optional(),
    target: z.string().max(4_096),
    readOnly: z.boolean().default(false),
    external: z.boolean().default(false),
    noCopy: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('bind'),
    source: z.string().max(4_096),
    target: z.string().max(4_096),
    readOnly: z.boolean().default(false),
    createHostPath: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('tmpfs'),
    target: z.string().max(4_096),
    sizeBytes: bytes.optional(),
    mode: z.int().min(0).max(0o7777).optional(),
  }),
]);

/** A secret or config as a file in the container, written before the container starts. */
const file = z.strictObject({
  target: z.string().max(4_096),
  /** The content itself, base64. File-backed secrets and configs are `bind` mounts instead, as in Compose. */
  contentBase64: z.string().max(700_000),
  uid: z.int().min(0).default(0),
  gid: z.int().min(0).default(0),
  mode: z.int().min(0).max(0o7777).default(0o444),
  /** Masked in every view. */
  secret: z.boolean().default(true),
});

const network = z.strictObject({
  /** The engine's network name, project prefix included. */
  name: z.string().max(255),
  /** The key in the Compose file, for labels. */
  key: z.string().max(255),
  aliases: z.array(z.string().max(255)).max(64).default([]),
  external: z.boolean().default(false),
  internal: z.boolean().default(false),
  driver: z.string().max(64).optional(),
  driverOptions: z.record(z.string(), z.string()).default({}),
  subnets: z.array(z.string().max(64)).max(8).default([]),
});

const publishedPort = z.strictObject({
  containerPort: port,
  /** 0 lets the engine choose. */
  hostPort: z.int().min(0).max(65_535).default(0),
  hostIp: z.string().max(64).default('127.0.0.1'),
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
});

export const serviceSpec = z.strictObject({
  namespace: namespaceName,
  name: serviceName,

  // the container
  image: imageReference,
  pullPolicy: z.enum(['always', 'missing', 'never']).default('missing'),
  platform: z.string().max(64).optional(),
  command: z.array(plainText).max(4_096).optional(),
  entrypoint: z.array(plainText).max(4_096).optional(),
  environment: z.record(z.string().min(1).max(1_024), plainText).default({}),
  workingDir: z.string().max(4_096).optional(),
  user: z.string().max(256).optional(),
  groupAdd: z.array(z.string().max(256)).max(64).default([]),
  hostname: z.string().max(253).optional(),
  labels: z.record(z.string().max(1_024), plainText).default({}),
  init: z.boolean().default(false),
  tty: z.boolean().default(false),
  readOnly: z.boolean().default(false),
  stopGraceMs: leavingMs.default(10_000),
  stopSignal: z.string().max(32).optional(),
  shmSizeBytes: bytes.optional(),
  ulimits: z.record(z.string().max(32), z.strictObject({ soft: z.int(), hard: z.int() })).default({}),
  sysctls: z.record(z.string().max(256), z.string().max(256)).default({}),
  capDrop: z.array(z.string().max(64)).default([]),
  capAdd: z.array(z.string().max(64)).default([]),
  privileged: z.boolean().default(false),
  networkMode: z.string().max(255).optional(),
  pidMode: z.string().max(255).optional(),
  ipcMode: z.string().max(255).optional(),
  utsMode: z.string().max(255).optional(),
  usernsMode: z.string().max(255).optional(),
  cgroupMode: z.string().max(64).optional(),
  cgroupParent: z.string().max(4_096).optional(),
  runtime: z.string().max(128).optional(),
  securityOpt: z.array(z.string().max(4_096)).max(32).default([]),
  devices: z.array(z.string().max(4_096)).max(64).default([]),
  dns: z.array(z.string().max(64)).max(16).default([]),
  dnsSearch: z.array(z.string().max(253)).max(16).default([]),
  extraHosts: z.array(z.string().max(512)).max(256).default([]),
  mounts: z.array(mount).max(256).default([]),
  files: z.array(file).max(256).default([]),
  networks: z.array(network).max(32).default([]),
  ports: z.array(publishedPort).max(256).default([]),
  healthcheck: healthcheck.optional(),
  logging: z
    .strictObject({ maxSizeBytes: bytes.default(10 * 1024 * 1024), maxFiles: z.int().min(1).max(100).default(3) })
    .prefault({}),

  // what Outrigger does with it
  protocol: z.enum(['grpc', 'http', 'tcp']).default('tcp'),
  /** Where clients call it inside the container; absent: the service has no endpoint, only a lifecycle. */
  port: port.optional(),
  scope: z.enum(['job', 'shared']).default('shared'),
  resources: resources.prefault({}),
  replicas: z
    .strictObject({
      min: z.int().min(0).max(10_000).default(1),
      max: z.int().min(0).max(10_000).default(1),
      initial: z.int().min(0).max(10_000).default(1),
      targetInFlight: z.number().positive().optional(),
    })
    .refine(r => r.min <= r.initial && r.initial <= r.max, 'expected min <= initial <= max')
    .prefault({}),
  probes: z
    .strictObject({
      startup: startupProbe.optional(),
      readiness: probe.optional(),
      liveness: livenessProbe.optional(),
    })
    .prefault({}),
  warmup: warmup.optional(),
  drain: z.strictObject({ timeoutMs: leavingMs.default(30_000) }).prefault({}),
  update: z
    .strictObject({
      order: z.enum(['start-first', 'stop-first']).default('start-first'),
      maxSurge: z.int().min(0).max(1_000).default(1),
      maxUnavailable: z.int().min(0).max(1_000).default(0),
      onFailure: z.enum(['rollback', 'pause', 'continue']).default('rollback'),
      /** How long a newcomer is to be ready before it counts; what ends sooner has failed the update. */
      monitorMs: leavingMs.default(5_000),
    })
    .refine(
      u => u.maxSurge + u.maxUnavailable > 0,
      'expected max_surge or max_unavailable above 0, otherwise no update can proceed',
    )
    .prefault({}),
  restart: z
    .strictObject({
      /** Failed starts in a row, before the first time ready, after which a replica is `failed`. null: no end. */
      startAttempts: z.int().min(1).nullable().default(1),
      /** Restarts in a row of a replica that was ready before; the failure after these makes it `failed`. null: no end. */
      maxAttempts: z.int().min(0).nullable().default(null),
    })
    .prefault({}),
  idleTimeoutMs: durationMs.optional(),
  dependsOn: z
    .array(z.strictObject({ service: name, condition: z.enum(['started', 'ready']) }))
    .max(256)
    .default([]),
  placement: z
    .strictObject({
      /** Compose's: `node.labels.KEY == VALUE`, `node.hostname != NAME`. All must hold. */
      constraints: z.array(z.string().max(512)).max(64).default([]),
      /** Keys to spread replicas over evenly, most important first: `node.labels.zone`. */
      spread: z.array(z.string().max(512)).max(16).default([]),
      maxPerNode: z.int().min(1).max(10_000).optional(),
    })
    .prefault({}),
  /** Higher goes first, and takes the place of idle replicas of lower services that may have none (`replicas.min` 0). */
  priority: z.int().min(-1_000).max(1_000).default(0),
});

export type ServiceSpec = z.infer<typeof serviceSpec>;
/** A spec as programs may write it: everything that has a default may be left out. */
export type ServiceSpecInput = z.input<typeof serviceSpec>;
export type ProbeCheck = z.infer<typeof probeCheck>;
export type Probe = z.infer<typeof probe>;
export type StartupProbe = z.infer<typeof startupProbe>;
export type Warmup = z.infer<typeof warmup>;
export type GpuRequest = z.infer<typeof gpu>;
export type Mount = z.infer<typeof mount>;
export type NetworkSpec = z.infer<typeof network>;
export type PublishedPort = z.infer<typeof publishedPort>;

/** `namespace/name`: what a service is called across the system. */
export type ServiceKey = `${string}/${string}`;

export function serviceKey(spec: { namespace: string; name: string }): ServiceKey {
  return `${spec.namespace}/${spec.name}`;
}

/** The namespace and the name of a key; neither has a slash in it. */
export function splitKey(key: ServiceKey): [namespace: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
