import { describeConnection, resolveConnection } from '../engine/docker/index.ts';
import { LOCAL_PROFILE, type NodeProfile } from '../ports.ts';
import type { ConfiguredNode } from './configured-node.ts';
import { addressOf, defaultPublishOn, secretFilesOf } from './node-address.ts';

/** The one node where there is no nodes file: the engine that the user's own `docker` command would speak to. */
export async function localNode({
  environment,
  publishOn,
}: {
  environment: NodeJS.ProcessEnv;
  publishOn?: string;
}): Promise<ConfiguredNode> {
  const connection = await resolveConnection({ environment });
  const profile: NodeProfile = {
    ...LOCAL_PROFILE,
    connection: describeConnection(connection),
    // A tcp:// address may well be this machine's own; whoever is reached by ssh is not.
    ...(connection.kind === 'ssh' ? { address: await addressOf(connection), reach: 'published' as const } : {}),
  };
  const on = publishOn ?? defaultPublishOn(profile);
  return {
    name: 'local',
    profile,
    engine: { connection, ...(on === undefined ? {} : { publishOn: on }) },
    secretFiles: await secretFilesOf(connection),
  };
}
