import type { ServiceView } from '../../control-plane/views/views.ts';
import { openProgressDisplay } from '../progress-display.ts';
import { awaitedOf } from '../rollout-outcome.ts';
import { type RolloutResult, waitForRollout } from '../wait-for-rollout.ts';
import type { UpRun } from './up-run.ts';

/**
 * Shows how the services come up, until they are ready or are not going to be, over restarts of the control plane.
 * Rejects with the reason of the interruption, or of a revival that failed.
 * @param onSeen told of the services whenever they are shown
 */
export async function waitUntilReady(
  run: UpRun,
  timeoutMs: number | undefined,
  onSeen: (services: readonly ServiceView[]) => void,
): Promise<RolloutResult> {
  const { context, client, namespace, results, revival, known } = run;
  const isJson = context.options.json === true;
  const display = await openProgressDisplay(context.err, { quiet: isJson, known });
  try {
    return await waitForRollout({
      client,
      namespace,
      awaited: results.map(result => awaitedOf(result, known)),
      signal: AbortSignal.any([context.signal, revival.failed]),
      ...(timeoutMs !== undefined && { timeoutMs }),
      onUpdate: services => {
        onSeen(services);
        display.update(services);
        if (isJson) context.out.json({ type: 'progress', services: services.map(brief) });
      },
      onLost: error => display.note(revival.begin(error)),
    });
  } finally {
    display.stop();
  }
}

function brief(service: ServiceView) {
  return {
    service: service.name,
    state: service.state,
    readyReplicas: service.readyReplicas,
    wantedReplicas: service.wantedReplicas,
    message: service.message,
    replicas: service.replicas.map(r => ({
      id: r.id,
      phase: r.phase,
      sinceMs: r.sinceMs,
      message: r.message,
      ...(r.pulledBytes !== undefined && { pulledBytes: r.pulledBytes }),
      ...(r.pullTotalBytes !== undefined && { pullTotalBytes: r.pullTotalBytes }),
    })),
  };
}
