import type { ContainerInspectInfo } from 'dockerode';
import type { OutriggerError } from '../../core/errors.ts';
import type { EngineClient } from './engine-client.ts';
import { statusOf } from './translate-error.ts';

/** Null where there is no such container. */
export async function inspectContainer(
  client: EngineClient,
  idOrName: string,
  signal: AbortSignal,
): Promise<ContainerInspectInfo | null> {
  const options = { doing: `inspecting ${idOrName.slice(0, 64)}`, deadlineMs: client.deadlines.queryMs, signal };
  return client
    .call(options, (docker, abortSignal) => docker.getContainer(idOrName).inspect({ abortSignal }))
    .catch((error: OutriggerError) => {
      if (statusOf(error) === 404) return null;
      throw error;
    });
}
