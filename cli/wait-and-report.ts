import type { ServiceView } from '../control-plane/views/views.ts';
import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { EXIT_CODE, type ExitCode } from './exit-code.ts';
import { lastReasons } from './last-reasons.ts';
import { openProgressDisplay } from './progress-display.ts';
import { readiness } from './render/phase.ts';
import { formatDuration } from './render/units.ts';
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
  /** What has been done once all is as asked, for the closing line: `scaled`. */
  readonly done: string;
  /** Lines about what becomes of services that are not ready in time. */
  readonly further?: (late: readonly ServiceView[]) => readonly string[];
}

/** Shows progress until the awaited services are as asked, and says what went wrong where they do not come to be. */
export async function waitAndReport(context: Context, wait: WaitAndReport): Promise<ExitCode> {
  const { settled, timeoutMs, known, done, further, ...rest } = wait;
  const started = performance.now();
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
    if (result.kind === 'ready') {
      if (!json) context.err.line(closingLine(context, done, result.services, performance.now() - started));
      return EXIT_CODE.ok;
    }
    const waitingFor = result.kind === 'timed_out' ? result.waitingFor : [];
    const lateOnes = result.services.filter(s => waitingFor.includes(s.name));
    reportRollout(context, result, {
      namespace: wait.namespace,
      headline: `not ready in time: ${waitingFor.join(', ')}`,
      late: [
        ...waitingLines(lateOnes),
        ...(await lastReasons(context, wait.client, lateOnes)),
        ...(further?.(lateOnes) ?? []),
      ],
    });
    return EXIT_CODE.failed;
  } finally {
    display.stop();
  }
}

/** As that of `up`: `scaled in 1.2s: echo 3/3`. */
function closingLine({ err }: Context, done: string, services: readonly ServiceView[], tookMs: number): string {
  const each = services.map(service => `${service.name} ${readiness(service)}`);
  return `${err.style('green', done)} in ${formatDuration(tookMs)}: ${each.join(', ')}`;
}
