import path from 'node:path';
import type { ObservedDevice } from '../core/observed.ts';
import { describeConnection } from '../engine/docker/index.ts';
import { shownAddress } from '../engine/docker/shown-address.ts';
import type { NodeProfile } from '../ports.ts';
import type { Problem } from '../written-files/problem.ts';
import type { ConfiguredNode } from './configured-node.ts';
import { connectNode } from './connect-node.ts';
import { addressOf, defaultPublishOn, secretFilesOf } from './node-address.ts';
import type { NodeEntry } from './nodes-file.ts';

export type Configured =
  | { readonly kind: 'configured'; readonly node: ConfiguredNode }
  /** Something that the entry names (a context, a certificate) is not there or not right. */
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly profile: NodeProfile;
      readonly problem: Problem;
      /** As of a configured one: it may be mended by the next look. */
      readonly secretFiles: readonly string[];
    };

export function nameOf(configured: Configured): string {
  return configured.kind === 'configured' ? configured.node.name : configured.name;
}

/** Its name, and how it is reached. */
export function wayOf(configured: Configured): readonly [string, string] {
  const { profile } = configured.kind === 'configured' ? configured.node : configured;
  return [nameOf(configured), profile.connection];
}

export interface NodeSurroundings {
  /** Relative paths start here: the folder of the nodes file. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Where Docker's own configuration lies, unless DOCKER_CONFIG says so. */
  readonly home?: string;
  /** What nodes of this machine publish on where their entry does not say. */
  readonly publishOn?: string;
}

/** One entry of the nodes file with its defaults, and with what it names read. Never rejects. */
export async function configureNode(name: string, entry: NodeEntry, around: NodeSurroundings): Promise<Configured> {
  const connected = await connectNode(name, entry, around);
  const { ca, cert, key } = entry.tls ?? {};
  const named = [ca, cert, key].flatMap(file => (file === undefined ? [] : [path.resolve(around.folder, file)]));
  if (connected.kind === 'failed') {
    const connection = (entry.engine && shownAddress(entry.engine)) ?? `context ${entry.context}`;
    return {
      kind: 'failed',
      name,
      problem: connected.problem,
      secretFiles: named,
      profile: profileOf(entry, connection, hostIn(entry.engine) ?? name, 'published'),
    };
  }
  const { connection } = connected;
  const reach = entry.reach ?? (connection.kind === 'unix' ? 'containers' : 'published');
  const profile = profileOf(entry, describeConnection(connection), await addressOf(connection), reach);
  const publishOn = entry.publish_on ?? defaultPublishOn(profile, around.publishOn);
  return {
    kind: 'configured',
    node: {
      name,
      profile,
      secretFiles: [...named, ...(await secretFilesOf(connection))],
      engine: {
        connection,
        ...(entry.address === undefined ? {} : { address: entry.address }),
        ...(publishOn === undefined ? {} : { publishOn }),
        ...(entry.devices === undefined ? {} : { devices: entry.devices.map(statedDevice) }),
        ...(entry.gpu_probe_image === undefined ? {} : { gpuProbeImage: entry.gpu_probe_image }),
      },
    },
  };
}

/** Null: it has none, or another file says it. */
function hostIn(engine: string | undefined): string | null {
  if (engine === undefined || !/^(?:tcp|ssh):/.test(engine)) return null;
  return URL.parse(engine)?.hostname.replace(/^\[|\]$/g, '') || null;
}

function profileOf(entry: NodeEntry, connection: string, address: string, reach: NodeProfile['reach']): NodeProfile {
  return {
    connection,
    address: entry.address ?? address,
    reach,
    labels: entry.labels,
    reservedCpus: entry.reserved.cpus,
    reservedMemoryBytes: entry.reserved.memory,
  };
}

export function statedDevice({
  id,
  index = /=(\d+(?::\d+)?)$/.exec(id)?.[1],
  uuid = /(?:^|=)((?:GPU|MIG)-.+)$/.exec(id)?.[1],
  model,
  memory,
  slice,
}: NonNullable<NodeEntry['devices']>[number]): ObservedDevice {
  return {
    id,
    driver: id.includes('=') ? 'cdi' : 'nvidia',
    ...(index === undefined ? {} : { index }),
    ...(uuid === undefined ? {} : { uuid }),
    ...(model === undefined ? {} : { model }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    ...(slice === undefined ? {} : { slice }),
  };
}
