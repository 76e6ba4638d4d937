import type { ServiceView } from '../../control-plane/views/views.ts';
import { applyOnce, removalCommand } from '../apply-once.ts';
import { beforeItBegins } from '../before-it-begins.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { requireUsableState, warnOfOtherNodes } from '../embedded-control-plane.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { type FirstLook, firstLook } from '../first-look.ts';
import { lastLines } from '../last-lines.ts';
import { lastReasons } from '../last-reasons.ts';
import { orphans } from '../orphans.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { openProgressDisplay } from '../progress-display.ts';
import { buildProject, loadProject, type Project, projectFolders } from '../project.ts';
import { removeAndWait } from '../remove-and-wait.ts';
import { readiness } from '../render/phase.ts';
import { formatDuration } from '../render/units.ts';
import { waitingLines } from '../render/waiting.ts';
import { reportRollout } from '../report-rollout.ts';
import { requireAnsweringNode } from '../require-answering-node.ts';
import { requireSomeService } from '../require-some-service.ts';
import { Revival } from '../revival.ts';
import { awaitedOf } from '../rollout-outcome.ts';
import { scaleExisting } from '../scale-existing.ts';
import { scaleNotes } from '../scale-notes.ts';
import { parseScale } from '../service-reference.ts';
import { createdBy, removalOf, removeCreated, sayWhatStays, type UpRun, undo } from '../up-run.ts';
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
  const { run, project, asked } = await beforeItBegins(context, 'nothing was started', () =>
    haveAccepted(context, names, options),
  );
  const notReady = await bringUp(run, project, asked);
  if (notReady !== null) return notReady;
  if (options.detach || options.wait) {
    context.leaves(null);
    return EXIT_CODE.ok;
  }
  const { attach } = await import('../attach.ts');
  return await attach({ ...run, names: run.results.map(r => r.service.name) });
}

/** Everything up to where the control plane has taken the services on. */
async function haveAccepted(context: Context, names: readonly string[], options: UpOptions): Promise<Accepted> {
  const timeoutMs = options.waitTimeout === undefined ? undefined : parseTimeoutMs(options.waitTimeout);
  const graceMs = options.timeout === undefined ? undefined : parseTimeoutMs(options.timeout);
  const scales = new Map((options.scale ?? []).map(parseScale).map(({ name, replicas }) => [name, replicas]));
  requireUsableState(context);
  const look = Promise.withResolvers<FirstLook | null>();
  const project = await loadProject(context, options, names, () => look.resolve(firstLook(context)));
  requireSomeService(project);
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

  const hasBuilt = await buildProject(context, project, options.build);
  const startedAtMs = Date.now();
  const { namespace, origin } = project;
  const hurry = new AbortController();
  // From here on an interruption has something to undo, and the second one must not cut that short.
  context.onSecondInterrupt(() => hurry.abort());
  const all = specs.map(spec => spec.name);
  context.leaves(`what this command created may run on; "${removalCommand(namespace, all)}" removes it`);
  const applied = await applyOnce(context, {
    namespace,
    specs,
    origin,
    bindFolders: projectFolders(context, options),
    hurry: hurry.signal,
    // Building takes its time, and what was seen before it is old.
    seen: hasBuilt ? null : await look.promise,
    check: (client, seen) =>
      Promise.all([requireAnsweringNode(context, client, seen), warnOfOtherNodes(context, client)]),
  }).catch(async error => {
    context.leaves(null);
    throw await withPlaces(error, project);
  });
  const revival = new Revival(context, applied);
  const run: UpRun = { ...applied, context, namespace, startedAtMs, graceMs, revival, hurry: hurry.signal };
  const ofTheFile = specs.filter(spec => !scales.has(spec.name));
  if (!context.options.json) for (const note of scaleNotes(run, ofTheFile)) context.err.line(note);
  return { run, project, asked: { options, timeoutMs, scales } };
}

interface Asked {
  readonly options: UpOptions;
  readonly timeoutMs: number | undefined;
  readonly scales: ReadonlyMap<string, number>;
}

interface Accepted {
  readonly run: UpRun;
  readonly project: Project;
  readonly asked: Asked;
}

/** null once all are ready; otherwise the exit code, after what this command created has been removed. */
async function bringUp(accepted: UpRun, project: Project, asked: Asked): Promise<ExitCode | null> {
  const { options, timeoutMs } = asked;
  const { context, results } = accepted;
  let run = accepted;
  const { err, out, signal } = context;
  if (context.options.json) out.json({ type: 'applied', results });
  for (const { service, warnings } of results) {
    for (const warning of warnings) err.line(`${err.style('yellow', 'warning:')} ${service.name}: ${warning}`);
  }
  let latest: readonly ServiceView[] = [];
  let result: RolloutResult;
  try {
    await scaleExisting(accepted, asked.scales, results => {
      run = { ...accepted, results };
    });
    await seeToOrphans(run, project, options);
    signal.throwIfAborted();
    result = await waitUntilReady(run, timeoutMs, services => {
      latest = services;
    });
  } catch (error) {
    if (signal.aborted) return await undo(run, latest);
    // Before anything is removed: that may fail with an error of its own, which is then told besides.
    const { reportError } = await import('../report-error.ts');
    const debug = Boolean(context.environment['OUTRIGGER_DEBUG']);
    const exitCode = reportError(error, err, { json: context.options.json === true, debug });
    sayWhatStays(run);
    await removeCreated(run);
    return exitCode;
  }
  if (result.kind === 'ready') {
    if (context.options.json) out.json({ type: 'ready', services: result.services });
    else err.line(readyLine(run, result.services));
    return null;
  }
  await report(run, result, timeoutMs);
  await removeCreated(run);
  return EXIT_CODE.failed;
}

/** Once the others are accepted and before they are waited for: they may need the room. */
async function seeToOrphans(run: UpRun, project: Project, { removeOrphans }: UpOptions): Promise<void> {
  const { context, known } = run;
  const names = await orphans(context, project, known);
  if (names.length === 0) return;
  if (removeOrphans) {
    await removeAndWait(context, { ...removalOf(run), names });
    return;
  }
  const are = names.length === 1 ? 'is of this project and not' : 'are of this project and not';
  context.err.line(
    `${context.err.style('yellow', 'warning:')} ${names.join(', ')} ${are} in the service file; --remove-orphans removes`,
  );
}

async function waitUntilReady(
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

/** Says what did not come up, and what is known of it that goes with its removal. */
async function report(
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

function readyLine({ context, results, startedAtMs }: UpRun, services: readonly ServiceView[]): string {
  const each = services.map(service => {
    const outcome = results.find(r => r.service.name === service.name)?.outcome;
    return `${service.name} ${readiness(service)}${outcome === 'unchanged' ? ' (unchanged)' : ''}`;
  });
  const took = formatDuration(Date.now() - startedAtMs);
  return `${context.err.style('green', 'ready')} in ${took}: ${each.join(', ')}`;
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
