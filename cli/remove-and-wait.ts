import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { EXIT_CODE, type ExitCode } from './exit-code.ts';
import { openProgressDisplay } from './progress-display.ts';
import { formatDuration } from './render/units.ts';
import { waitUntilGone } from './wait-until-gone.ts';

export interface RemoveAndWait {
  readonly client: ControlClient;
  readonly namespace: string;
  readonly names: readonly string[];
  readonly volumes: boolean;
  readonly timeoutMs?: number;
}

/** The longest that one answer of the control plane is waited for while the user is already waiting to get out. */
const REMOVE_CALL_TIMEOUT_MS = 30_000;

/**
 * Drains and removes services and shows them go. It goes on when the command was interrupted before, since the removal
 * is what the interruption asked for; the next interruption ends only the waiting.
 */
export async function removeAndWait(context: Context, request: RemoveAndWait): Promise<ExitCode> {
  const { client, namespace } = request;
  const waiting = new AbortController();
  const interruptedBefore = context.signal.aborted;
  const stop = () => waiting.abort();
  if (interruptedBefore) context.onSecondInterrupt(stop);
  else context.signal.addEventListener('abort', stop, { once: true });
  const started = performance.now();
  const status = await client.status(AbortSignal.timeout(REMOVE_CALL_TIMEOUT_MS));
  const known = await client.services(namespace, AbortSignal.timeout(REMOVE_CALL_TIMEOUT_MS));
  const removed = await client.remove(request, AbortSignal.timeout(REMOVE_CALL_TIMEOUT_MS));
  const display = await openProgressDisplay(context.err, { quiet: context.options.json === true, known });
  try {
    const result = await waitUntilGone({
      client,
      namespace,
      names: removed.map(r => r.name),
      signal: waiting.signal,
      ...(request.timeoutMs !== undefined && { timeoutMs: request.timeoutMs }),
      exitsWhenIdle: status.exitWhenIdle,
      onUpdate: services => display.update(services),
    });
    display.stop();
    if (context.options.json)
      context.out.json({ type: 'removed', removed, left: result.kind === 'gone' ? [] : result.left });
    if (result.kind === 'timed_out') {
      context.err.line(`still on their way out: ${result.left.join(', ')}; the control plane goes on with them`);
      return EXIT_CODE.failed;
    }
    context.err.line(
      `removed ${removed.map(r => r.name).join(', ')} in ${formatDuration(performance.now() - started)}`,
    );
    return EXIT_CODE.ok;
  } catch (error) {
    display.stop();
    if (!waiting.signal.aborted) throw error;
    context.err.line('interrupted: the control plane goes on draining and removing; see "outrigger ps"');
    return EXIT_CODE.interrupted;
  } finally {
    display.stop();
    context.signal.removeEventListener('abort', stop);
  }
}
