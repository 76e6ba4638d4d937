import type { ApplyResult } from '../../control-plane/control-plane.ts';
import type { ServiceView } from '../../control-plane/views/views.ts';
import { type Context, Interruption, type ProjectOptions } from '../context.ts';
import type { ControlClient } from '../control-client.ts';
import { requireUsableState, warnOfOtherNodes, withControlPlane } from '../embedded-control-plane.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { lastLines } from '../last-lines.ts';
import { lastReasons } from '../last-reasons.ts';
import { orphans } from '../orphans.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { openProgressDisplay, type ProgressDisplay } from '../progress-display.ts';
import { buildProject, loadProject, projectFolders } from '../project.ts';
import { removeAndWait } from '../remove-and-wait.ts';
import { failureLines } from '../render/failure.ts';
import { readiness } from '../render/phase.ts';
import { formatDuration } from '../render/units.ts';
import { waitingLines } from '../render/waiting.ts';
import { requireAnsweringNode } from '../require-answering-node.ts';
import { awaitedOf } from '../rollout-outcome.ts';
import { parseScale } from '../service-reference.ts';
import { usageError } from '../usage-error.ts';
import { type RolloutResult, waitForRollout } from '../wait-for-rollout.ts';
import { withOverrides } from '../with-overrides.ts';
import { withPlaces } from '../with-places.ts';

export interface UpOptions extends ProjectOptions {
  detach?: boolean;
  /** Waits in any case; as in Compose it does not stay. */
  wait?: boolean;
  waitTimeout?: string;
  /** Between the stop signal and the kill, of what this command stops. */
  timeout?: string;
  removeOrphans?: boolean;
  /** --build: true, --no-build: false, neither: only what is missing. */
  build?: boolean;
  scale?: string[];
  pull?: string;
}

/**
 * Makes the file's services run, waits until they are ready, and stays with them until Ctrl-C; with `--detach` it
 * leaves them running. What did not exist before and does not come up is removed again.
 */
export async function up(context: Context, names: readonly string[], options: UpOptions): Promise<ExitCode> {
  const timeoutMs = options.waitTimeout === undefined ? undefined : parseTimeoutMs(options.waitTimeout);
  const graceMs = options.timeout === undefined ? undefined : parseTimeoutMs(options.timeout);
  const scales = new Map((options.scale ?? []).map(parseScale).map(({ name, replicas }) => [name, replicas]));
  requireUsableState(context);
  const project = await loadProject(context, options, names);
  for (const warning of project.warnings) context.err.line(`${context.err.style('yellow', 'warning:')} ${warning}`);
  const unknown = [...scales.keys()].find(name => !project.services.some(s => s.name === name));
  if (unknown !== undefined) {
    throw usageError(
      `--scale names "${unknown}", which is not among the services to start.`,
      `They are: ${project.services.map(s => s.name).join(', ')}.`,
    );
  }
  const specs = project.services.map(spec =>
    withOverrides(spec, { replicas: scales.get(spec.name), pull: options.pull }),
  );

  await buildProject(context, project, options.build);
  const startedAtMs = Date.now();
  const begun = await withControlPlane(context, projectFolders(context, options), async client => {
    const [known] = await Promise.all([
      client.services(project.namespace, context.signal),
      requireAnsweringNode(client, context.signal),
      warnOfOtherNodes(context, client),
    ]);
    const results = await client.apply({ specs, origin: project.origin }, context.signal);
    return { client, known, results };
  }).catch(error => {
    throw withPlaces(error, project);
  });
  const { client, known, results } = begun;
  const run: Run = { context, client, namespace: project.namespace, results, startedAtMs, known, graceMs };
  if (context.options.json) context.out.json({ type: 'applied', results });
  for (const result of results) {
    for (const warning of result.warnings)
      context.err.line(`${context.err.style('yellow', 'warning:')} ${result.service.name}: ${warning}`);
  }
  await seeToOrphans(run, await orphans(context, project, known), options);
  const notReady = await waitUntilReady(run, timeoutMs);
  if (notReady !== null) return notReady;
  if (options.detach || options.wait) return EXIT_CODE.ok;
  const { attach } = await import('../attach.ts');
  return await attach({ ...run, names: results.map(r => r.service.name) });
}

interface Run {
  readonly context: Context;
  readonly client: ControlClient;
  readonly namespace: string;
  readonly results: readonly ApplyResult[];
  readonly startedAtMs: number;
  readonly known: readonly ServiceView[];
  readonly graceMs: number | undefined;
}

/** Once the others are accepted and before they are waited for: they may need the room. */
async function seeToOrphans(run: Run, names: readonly string[], { removeOrphans }: UpOptions): Promise<void> {
  if (names.length === 0) return;
  const { context } = run;
  if (removeOrphans) {
    await removeAndWait(context, { ...removalOf(run), names });
    return;
  }
  const are = names.length === 1 ? 'is of this project and not' : 'are of this project and not';
  context.err.line(
    `${context.err.style('yellow', 'warning:')} ${names.join(', ')} ${are} in the service file; --remove-orphans removes`,
  );
}

function removalOf({ client, namespace, graceMs }: Run) {
  return { client, namespace, volumes: false, ...(graceMs !== undefined && { graceMs }) };
}

/** null once all are ready; otherwise the exit code, after what this command created has been removed. */
async function waitUntilReady(run: Run, timeoutMs: number | undefined): Promise<ExitCode | null> {
  const { context, client, namespace, results } = run;
  const display = await openProgressDisplay(context.err, { quiet: context.options.json === true, known: run.known });
  let latest: readonly ServiceView[] = [];
  try {
    const result = await waitForRollout({
      client,
      namespace,
      awaited: results.map(result => awaitedOf(result, run.known)),
      signal: context.signal,
      ...(timeoutMs !== undefined && { timeoutMs }),
      onUpdate: services => {
        latest = services;
        display.update(services);
        if (context.options.json) context.out.json({ type: 'progress', services: services.map(brief) });
      },
      onLost: error => display.note(`${error.message} Services go on; waiting for it to come back.`),
    });
    display.stop();
    return await settle(run, result, timeoutMs);
  } catch (error) {
    display.stop();
    if (context.signal.aborted && error === context.signal.reason) return await interrupted(run, display, latest);
    throw error;
  }
}

async function settle(run: Run, result: RolloutResult, timeoutMs: number | undefined): Promise<ExitCode | null> {
  const { context, client, namespace } = run;
  const { err, out } = context;
  switch (result.kind) {
    case 'ready':
      if (context.options.json) out.json({ type: 'ready', services: result.services });
      else err.line(readyLine(run, result.services));
      return null;
    case 'failed': {
      if (context.options.json) out.json({ type: 'failed', failures: result.failures });
      for (const failure of result.failures) {
        const [headline, ...rest] = failureLines(failure, namespace);
        err.line(`${err.style('red', 'error:')} ${headline}`);
        for (const line of rest) err.line(line);
      }
      await removeCreated(run);
      return EXIT_CODE.failed;
    }
    case 'timed_out': {
      if (context.options.json) out.json({ type: 'timed_out', waitingFor: result.waitingFor });
      err.line(
        `${err.style('red', 'error:')} not ready within ${(timeoutMs ?? 0) / 1_000} s: ${result.waitingFor.join(', ')}`,
      );
      const waitingFor = result.services.filter(s => result.waitingFor.includes(s.name));
      const leaving = new Set(createdBy(run));
      for (const line of waitingLines(waitingFor, leaving)) err.line(line);
      for (const line of await lastReasons(
        context,
        client,
        waitingFor.filter(s => leaving.has(s.name)),
      ))
        err.line(line);
      for (const line of await lastLines(client, waitingFor)) err.line(line);
      const isLeaving = waitingFor.every(s => leaving.has(s.name));
      const next = isLeaving ? 'mend what it waits for' : 'see "outrigger logs" and "outrigger events"';
      err.line(`  next: give it more time with --wait-timeout, or ${next}`);
      await removeCreated(run);
      return EXIT_CODE.failed;
    }
    default:
      return result satisfies never;
  }
}

function readyLine({ context, results, startedAtMs }: Run, services: readonly ServiceView[]): string {
  const each = services.map(service => {
    const outcome = results.find(r => r.service.name === service.name)?.outcome;
    return `${service.name} ${readiness(service)}${outcome === 'unchanged' ? ' (unchanged)' : ''}`;
  });
  const took = formatDuration(Date.now() - startedAtMs);
  return `${context.err.style('green', 'ready')} in ${took}: ${each.join(', ')}`;
}

async function interrupted(run: Run, display: ProgressDisplay, latest: readonly ServiceView[]): Promise<ExitCode> {
  const { context, results } = run;
  display.stop();
  const isNew = (name: string) => results.some(r => r.outcome === 'created' && r.service.name === name);
  const unready = latest.filter(s => isNew(s.name) && s.state !== 'ready');
  for (const line of await lastLines(run.client, unready)) context.err.line(line);
  await removeCreated(run);
  const goOn = results.filter(r => r.outcome === 'updated' || r.outcome === 'scaled').map(r => r.service.name);
  if (goOn.length > 0) context.err.line(`the update of ${goOn.join(', ')} goes on; see "outrigger ps"`);
  const staying = results.filter(r => r.outcome === 'unchanged').map(r => r.service.name);
  if (staying.length > 0) {
    const was = staying.length === 1 ? 'was there before and stays' : 'were there before and stay';
    context.err.line(`${staying.join(', ')} ${was}; "outrigger down" removes`);
  }
  return context.signal.reason instanceof Interruption && context.signal.reason.cause === 'reader_gone'
    ? EXIT_CODE.ok
    : EXIT_CODE.interrupted;
}

function createdBy({ results }: Run): string[] {
  return results.filter(r => r.outcome === 'created').map(r => r.service.name);
}

/** A failed `up` leaves behind what was there before it, and nothing else. */
async function removeCreated(run: Run): Promise<void> {
  const created = createdBy(run);
  if (created.length === 0) return;
  run.context.err.line(`removing what this command created: ${created.join(', ')}`);
  await removeAndWait(run.context, { ...removalOf(run), names: created });
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
