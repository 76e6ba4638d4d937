import { OutriggerError } from '../../core/errors.ts';
import type { EngineClient } from './engine-client.ts';
import { inspectContainer } from './inspect-container.ts';
import { LABELS } from './labels.ts';
import { statusOf } from './translate-error.ts';

/**
 * Deletes a container that does not run, with its anonymous volumes, after its labels were read again. Never by force:
 * one that runs is `conflict`, so that no mistake of ours can end a replica without its grace.
 */
export async function removeContainer(
  client: EngineClient,
  { containerId, instance }: { containerId: string; instance: string },
  signal: AbortSignal,
): Promise<void> {
  const container = await inspectContainer(client, containerId, signal);
  if (!container) return;
  if (container.Config.Labels?.[LABELS.instance] !== instance) {
    throw new OutriggerError('denied', `Container ${containerId.slice(0, 12)} is not of this control plane; it stays`);
  }
  const doing = `removing container ${containerId.slice(0, 12)}`;
  await client
    .call({ doing, deadlineMs: client.deadlines.changeMs, signal }, (docker, abortSignal) =>
      docker.getContainer(containerId).remove({ v: true, abortSignal }),
    )
    .catch((error: OutriggerError) => {
      if (statusOf(error) === 404) return;
      throw error;
    });
}
