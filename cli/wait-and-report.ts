import type { ServiceView } from '../control-plane/views/views.ts';
import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { EXIT_CODE, type ExitCode } from './exit-code.ts';
import { openProgressDisplay } from './progress-display.ts';
import { waitingLines } from './render/waiting.ts';
import { reportRollout } from './report-rollout.ts';
import { Revival } from './revival.ts';
import type { Awaited } from './rollout-outcome.ts';
import { waitForRollout } from './wait-for-rollout.ts';

export interface WaitAndReport {
  readonly client: ControlClient;
  readonly namespace: string;
  readonly awaited: readonly Awaited[];
  /** What must hold besides readiness. */
  readonly settled: (service: ServiceView) => boolean;
  readonly timeoutMs?: number;
  /** The services before the command, so that only what changes is told. */
  readonly known: readonly ServiceView[];
}

/** Shows progress until the awaited services are as asked, and says what went wrong where they do not come to be. */
export async function waitAndReport(context: Context, wait: WaitAndReport): Promise<ExitCode> {
  const { settled, timeoutMs, known, ...rest } = wait;
  const json = context.options.json === true;
  const { exitWhenIdle } = await wait.client.status(context.signal);
  const revival = new Revival(context, { isRevivable: exitWhenIdle });
  const display = await openProgressDisplay(context.err, { quiet: json, known });
  try {
    const result = await waitForRollout({
      ...rest,
      settled,
      signal: AbortSignal.any([context.signal, revival.failed]),
      ...(timeoutMs !== undefined && { timeoutMs }),
      onUpdate: services => display.update(services),
      onLost: error => display.note(revival.begin(error)),
    });
    display.stop();
    if (json) context.out.json({ outcome: result.kind, services: result.services });
    if (result.kind === 'ready') return EXIT_CODE.ok;
    const waitingFor = result.kind === 'timed_out' ? result.waitingFor : [];
    reportRollout(context, result, {
      namespace: wait.namespace,
      headline: `not ready in time: ${waitingFor.join(', ')}`,
      late: waitingLines(result.services.filter(s => waitingFor.includes(s.name))),
    });
    return EXIT_CODE.failed;
  } finally {
    display.stop();
  }
}
