import { z } from 'zod';
import { DEFAULT_NODE_POLICY } from '../core/node.ts';
import { imageReference } from '../core/spec.ts';
import { DURATION_PATTERN, parseDuration } from '../written-files/duration.ts';
import { parseSize, SIZE_PATTERN } from '../written-files/size.ts';

/**
 * What an operator writes into the nodes file. The program validates with this schema, and docs/nodes.schema.json is
 * generated from its input side. Keys stay as a person writes them; values come out as milliseconds, bytes, numbers.
 */

const DURATION = 'expected a duration with units, such as "30s" or "10m"';
const SIZE = 'expected a size such as "80GiB", "2g" or a number of bytes';
const MOST_NODES = 1_024;
const NAME = 'expected a name of at most 63 letters, digits, ".", "-" and "_" that begins with a letter or digit';
const FILE = 'expected the path of a file';
const HOST = 'expected a host name or an IP address';

const duration = (otherwiseMs: number) =>
  z
    .string({ error: DURATION })
    .regex(DURATION_PATTERN, DURATION)
    .transform(text => parseDuration(text) ?? -1)
    .refine(ms => ms >= 1_000 && ms <= YEAR_MS, 'expected a duration of at least a second and at most a year')
    .default(otherwiseMs);

const YEAR_MS = 365 * 24 * 3_600_000;

const size = z
  .union([z.int(SIZE).min(1, SIZE), z.string(SIZE).regex(SIZE_PATTERN, SIZE)], { error: SIZE })
  .transform(value => parseSize(String(value)) ?? 0)
  .refine(sizeBytes => sizeBytes > 0, SIZE);

const text = (expected: string, most = 1_024) => z.string({ error: expected }).min(1, expected).max(most, expected);

const LABEL_KEY = 'expected a label of at most 128 letters, digits, ".", "/", "-" and "_"';
const LABEL_VALUE = 'expected text of at most 256 characters';
const labels = z.record(
  z.string().regex(/^[\w][\w./-]{0,127}$/, LABEL_KEY),
  z
    .union([z.string().max(256, LABEL_VALUE), z.number(), z.boolean()], { error: LABEL_VALUE })
    .transform(String)
    .refine(value => !/\p{Cc}/u.test(value), 'expected text without control characters'),
  { error: 'expected a mapping of labels to text' },
);

const device = z.strictObject(
  {
    id: text('expected a CDI name such as "nvidia.com/gpu=0", or an NVIDIA UUID such as "GPU-8f2e…"', 256)
      .regex(
        /^([\w.-]+\/[\w.-]+=[\w.:-]+|(GPU|MIG)-[\w-]+)$/,
        'expected a CDI name such as "nvidia.com/gpu=0", or an NVIDIA UUID such as "GPU-8f2e…"',
      )
      .describe('By which the engine gives it to containers: a CDI name, or an NVIDIA UUID where there is no CDI.'),
    index: z
      .union([z.int().min(0), z.string().regex(/^\d+(:\d+)?$/)], {
        error: 'expected a number such as 0, of a slice "0:1"',
      })
      .transform(String)
      .optional()
      .describe("The driver's number for it; taken from the CDI name where that ends in one."),
    uuid: text('expected a UUID', 128).optional(),
    model: text('expected the name of a model, such as H100', 128).optional(),
    memory: size.optional(),
    slice: z
      .strictObject({
        of: text('expected the id or UUID of the device that this is a slice of', 256),
        profile: text('expected a profile such as "1g.10gb"', 64),
      })
      .optional()
      .describe('For a MIG slice.'),
  },
  { error: 'expected a mapping such as {id: "nvidia.com/gpu=0", model: H100, memory: 80GiB}' },
);

const tls = z.strictObject(
  {
    ca: text(FILE).optional().describe('What signs the certificate of the engine.'),
    cert: text(FILE).optional().describe('By which the engine knows us.'),
    key: text(FILE).optional(),
    skip_verify: z
      .boolean({ error: 'expected true or false' })
      .default(false)
      .describe('Trust whatever answers at that address.'),
  },
  { error: 'expected a mapping such as {ca: ca.pem, cert: cert.pem, key: key.pem}' },
);

/** One entry under `nodes`. */
export const nodeEntry = z.strictObject(
  {
    engine: text('expected an address such as unix:///var/run/docker.sock, tcp://HOST:2376 or ssh://USER@HOST')
      .optional()
      .describe('unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST:PORT.'),
    context: text('expected the name of a Docker context', 256).optional().describe('Instead of `engine`.'),
    tls: tls.optional().describe('For tcp://. Files are named relative to the nodes file.'),
    address: text(HOST, 253)
      .regex(/^[\w:][\w.:-]*$/, HOST)
      .optional()
      .describe("Under which the node's published ports are reached; the host of the engine where it is left out."),
    reach: z
      .enum(['containers', 'published'])
      .optional()
      .describe(
        "Whether clients here reach the containers' own addresses (unix:// engines of this machine), or published ports only.",
      ),
    publish_on: text('expected an IP address of the node', 64)
      .optional()
      .describe('The IP address that service ports are published on.'),
    labels: labels.default({}),
    reserved: z
      .strictObject(
        {
          cpus: z.number('expected a number of CPUs').min(0).max(100_000).default(0),
          memory: size.default(0),
        },
        { error: 'expected a mapping such as {cpus: 1, memory: 2g}' },
      )
      .prefault({})
      .describe('Kept from replicas.'),
    devices: z
      .array(device, { error: 'expected a list of devices' })
      .max(1_024)
      .optional()
      .describe('What the node has, instead of what is found on it.'),
    gpu_probe_image: imageReference
      .optional()
      .describe('The image in which nvidia-smi is run on a node that is not this machine.'),
  },
  { error: 'expected a mapping such as {engine: "ssh://user@host"}' },
);

export const nodesFile = z.strictObject(
  {
    lost_after: duration(DEFAULT_NODE_POLICY.lostAfterMs).describe(
      'Silence of a node until its replicas count as lost.',
    ),
    replace_after: duration(DEFAULT_NODE_POLICY.replaceAfterMs).describe(
      'How long a replica is lost until another one takes its place, where there is room.',
    ),
    quarantine: duration(DEFAULT_NODE_POLICY.quarantineMs).describe(
      'How long a device that a container lost sight of is given to nobody.',
    ),
    nodes: z
      .record(z.string().regex(/^[A-Za-z0-9][\w.-]{0,62}$/, NAME), nodeEntry, {
        error: 'expected a mapping of node names to nodes',
      })
      .refine(nodes => Object.keys(nodes).length > 0, 'expected at least one node')
      .refine(nodes => Object.keys(nodes).length <= MOST_NODES, `expected at most ${MOST_NODES} nodes`),
  },
  { error: 'expected a mapping with the key "nodes"' },
);

/** The file as a whole, and one of its nodes, as they come out of the schema. */
export type NodesFile = z.output<typeof nodesFile>;
export type NodeEntry = NodesFile['nodes'][string];

export function nodesJsonSchema(): Record<string, unknown> {
  return {
    title: 'nodes',
    description: 'The nodes file of Outrigger: see docs/nodes.md.',
    ...z.toJSONSchema(nodesFile, { io: 'input' }),
  };
}
