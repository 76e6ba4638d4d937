import { OutriggerError } from '../../core/errors.ts';
import type { EngineClient } from './engine-client.ts';
import { inspectContainer } from './inspect-container.ts';
import { statusOf } from './translate-error.ts';

/**
 * Stop signal, then the engine kills after the grace. Resolves once an inspect says that the container does not run;
 * the answer to the stop alone is not believed, because a daemon that goes away leaves it open for ever.
 */
export async function stopContainer(
  client: EngineClient,
  containerId: string,
  options: { graceMs: number },
  signal: AbortSignal,
): Promise<void> {
  const doing = `stopping ${containerId.slice(0, 12)}`;
  const deadlineMs = options.graceMs + client.deadlines.stopMarginMs;
  try {
    await client.call({ doing, deadlineMs, signal, long: true }, (docker, abortSignal) =>
      docker.getContainer(containerId).stop({ t: Math.ceil(options.graceMs / 1_000), abortSignal }),
    );
    return;
  } catch (error) {
    // 304: it had stopped already; 404: it is gone.
    if (statusOf(error) === 304 || statusOf(error) === 404) return;
    if (signal.aborted || !(await isStopped(client, containerId, signal))) throw error;
  }
}

/** False also where the engine does not say. */
async function isStopped(client: EngineClient, containerId: string, signal: AbortSignal): Promise<boolean> {
  const container = await inspectContainer(client, containerId, signal).catch((error: OutriggerError) => error);
  if (container instanceof OutriggerError) return false;
  return container === null || !(container.State.Running || container.State.Paused);
}
