import type { NetworkSpec } from '../../core/spec.ts';
import type { DockerConnection } from './connection.ts';
import type { EngineClient } from './engine-client.ts';
import { takenBy, takenRanges } from './taken-ranges.ts';

/** How a node is reached: what its networks must not cover. */
export interface NodeReach {
  readonly connection: DockerConnection;
  /** Where the operator says it. */
  readonly address?: string | undefined;
}

/** What the first subnet of a network would take away from its node, and what to do then; null: nothing that can be seen. */
export async function coveredSubnet(
  client: EngineClient,
  { connection, address }: NodeReach,
  network: NetworkSpec,
  signal: AbortSignal,
): Promise<{ readonly message: string; readonly next: string } | null> {
  if (network.subnets.length === 0 || network.driver === 'overlay' || isOnHostNetwork(network)) return null;
  const doing = `looking up what subnets of network ${network.name} would cover`;
  const { queryMs } = client.deadlines;
  const listed = await client.call({ doing, deadlineMs: queryMs, signal }, (docker, abortSignal) =>
    docker.listNetworks({ abortSignal }),
  );
  // Somebody else may have made it a moment ago.
  const networks = listed.filter(({ Name }) => Name !== network.name);
  const taken = await client.bounded({ doing, deadlineMs: queryMs, signal }, () =>
    takenRanges(connection, { networks, address }),
  );
  for (const subnet of network.subnets) {
    const by = takenBy(subnet, taken);
    if (by === undefined) continue;
    return {
      message: `The subnet ${subnet} of network ${network.name} (networks.${network.key}) covers ${by.what}`,
      next: 'Leave the subnet out, so that the engine chooses one, or take one that is used nowhere near the node. What you know better: create the network there yourself and declare it `external`.',
    };
  }
  return null;
}

/** Its subnet is the host's own by intent, and the operator's policy allows it. */
function isOnHostNetwork({ driver }: NetworkSpec): boolean {
  return driver === 'macvlan' || driver === 'ipvlan';
}
