import type { ServiceView } from '../../control-plane/views/views.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { readiness } from '../render/phase.ts';
import { formatDuration } from '../render/units.ts';
import type { RolloutResult } from '../wait-for-rollout.ts';
import type { Accepted } from './have-accepted.ts';
import { scaleExisting } from './scale-existing.ts';
import { seeToOrphans } from './see-to-orphans.ts';
import { removeCreated, takeBack } from './take-back.ts';
import { tellUnready } from './tell-unready.ts';
import type { Asked } from './up-options.ts';
import type { UpRun } from './up-run.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** null once all are ready; otherwise the exit code, after what this command created has been removed. */
export async function bringUp({ run: accepted, project }: Accepted, asked: Asked): Promise<ExitCode | null> {
  const { signal } = accepted.context;
  tellAccepted(accepted);
  let run = accepted;
  let latest: readonly ServiceView[] = [];
  let result: RolloutResult;
  try {
    await scaleExisting(accepted, asked.scales, results => {
      run = { ...accepted, results };
    });
    await seeToOrphans(run, project, asked.options);
    signal.throwIfAborted();
    result = await waitUntilReady(run, asked.timeoutMs, services => {
      latest = services;
    });
  } catch (error) {
    return await takeBack(run, { error, latest });
  }
  if (result.kind === 'ready') {
    tellReady(run, result.services);
    return null;
  }
  await tellUnready(run, result, asked.timeoutMs);
  await removeCreated(run);
  return EXIT_CODE.failed;
}

function tellAccepted({ context: { options, out, err }, results }: UpRun): void {
  if (options.json) out.json({ type: 'applied', results });
  for (const { service, warnings } of results) {
    for (const warning of warnings) err.line(`${err.style('yellow', 'warning:')} ${service.name}: ${warning}`);
  }
}

function tellReady({ context: { options, out, err }, results, startedAtMs }: UpRun, services: readonly ServiceView[]) {
  if (options.json) {
    out.json({ type: 'ready', services });
    return;
  }
  const each = services.map(service => {
    const outcome = results.find(r => r.service.name === service.name)?.outcome;
    return `${service.name} ${readiness(service)}${outcome === 'unchanged' ? ' (unchanged)' : ''}`;
  });
  const took = formatDuration(Date.now() - startedAtMs);
  err.line(`${err.style('green', 'ready')} in ${took}: ${each.join(', ')}`);
}
