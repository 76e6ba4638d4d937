import { lastLines } from '../last-lines.ts';
import { lastReasons } from '../last-reasons.ts';
import { waitingLines } from '../render/waiting.ts';
import { reportRollout } from '../report-rollout.ts';
import type { RolloutResult } from '../wait-for-rollout.ts';
import { createdBy, type UpRun } from './up-run.ts';

/** Says what did not come up, and what is known of it that goes with its removal. */
export async function tellUnready(
  run: UpRun,
  result: Exclude<RolloutResult, { kind: 'ready' }>,
  timeoutMs: number | undefined,
): Promise<void> {
  const { context, client, namespace } = run;
  if (result.kind === 'failed') {
    if (context.options.json) context.out.json({ type: 'failed', failures: result.failures });
    reportRollout(context, result, { namespace, headline: '', late: [] });
    return;
  }
  const { waitingFor } = result;
  if (context.options.json) context.out.json({ type: 'timed_out', waitingFor });
  const services = result.services.filter(s => waitingFor.includes(s.name));
  const leaving = new Set(createdBy(run));
  const reasons = await lastReasons(
    context,
    client,
    services.filter(s => leaving.has(s.name)),
  );
  const isLeaving = services.every(s => leaving.has(s.name));
  const next = isLeaving ? 'mend what it waits for' : 'see "outrigger logs" and "outrigger events"';
  reportRollout(context, result, {
    namespace,
    headline: `not ready within ${(timeoutMs ?? 0) / 1_000} s: ${waitingFor.join(', ')}`,
    late: [
      ...waitingLines(services, leaving),
      ...reasons,
      ...(await lastLines(client, services, run.hurry)),
      `  next: give it more time with --wait-timeout, or ${next}`,
    ],
  });
}
