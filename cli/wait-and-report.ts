import type { ServiceView } from '../control-plane/views/views.ts';
import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { EXIT_CODE, type ExitCode } from './exit-code.ts';
import { openProgressDisplay } from './progress-display.ts';
import { failureLines } from './render/failure.ts';
import { waitingLines } from './render/waiting.ts';
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
  const display = await openProgressDisplay(context.err, { quiet: json, known });
  try {
    const result = await waitForRollout({
      ...rest,
      settled,
      signal: context.signal,
      ...(timeoutMs !== undefined && { timeoutMs }),
      onUpdate: services => display.update(services),
      onLost: error => display.note(`${error.message} Waiting for it to come back.`),
    });
    display.stop();
    if (json) context.out.json({ outcome: result.kind, services: result.services });
    if (result.kind === 'ready') return EXIT_CODE.ok;
    if (result.kind === 'timed_out') {
      context.err.line(`not ready in time: ${result.waitingFor.join(', ')}`);
      for (const line of waitingLines(result.services.filter(s => result.waitingFor.includes(s.name)))) {
        context.err.line(line);
      }
    } else
      for (const failure of result.failures)
        for (const line of failureLines(failure, wait.namespace)) context.err.line(line);
    return EXIT_CODE.failed;
  } finally {
    display.stop();
  }
}
