import type { OutriggerError } from '../../core/errors.ts';
import type { EngineClient } from './engine-client.ts';
import { inspectContainer } from './inspect-container.ts';
import { isNetworkGone, type Networks } from './networks.ts';
import { statusOf } from './translate-error.ts';

/** Idempotent: 304 means that it runs already. Bad commands and missing devices are `container_rejected`. */
export async function startContainer(
  client: EngineClient,
  networks: Networks,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await start(client, containerId, signal);
  } catch (error) {
    if (!isNetworkGone(error)) throw error;
    // Somebody removed the network while nothing was connected, as `docker compose down` of the application does.
    const container = await inspectContainer(client, containerId, signal);
    if (!container) throw error;
    await networks.ensureAgain(Object.keys(container.NetworkSettings.Networks), signal);
    await start(client, containerId, signal);
  }
}

async function start(client: EngineClient, containerId: string, signal: AbortSignal): Promise<void> {
  const options = {
    doing: `starting container ${containerId.slice(0, 12)}`,
    deadlineMs: client.deadlines.startMs,
    signal,
  };
  await client
    .call(options, (docker, abortSignal) => docker.getContainer(containerId).start({ abortSignal }))
    .catch((error: OutriggerError) => {
      if (statusOf(error) !== 304) throw error;
    });
}
