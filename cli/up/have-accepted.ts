import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import { applyOnce, removalCommand } from '../apply-once.ts';
import type { Context } from '../context.ts';
import { requireUsableState, warnOfOtherNodes } from '../embedded-control-plane.ts';
import { type FirstLook, firstLook } from '../first-look.ts';
import { buildProject, loadProject, type Project, projectFolders } from '../project.ts';
import { requireAnsweringNode } from '../require-answering-node.ts';
import { requireSomeService } from '../require-some-service.ts';
import { Revival } from '../revival.ts';
import { usageError } from '../usage-error.ts';
import { withPlaces } from '../with-places.ts';
import { scaleNotes } from './scale-notes.ts';
import type { Asked } from './up-options.ts';
import type { UpRun } from './up-run.ts';
import { withOverrides } from './with-overrides.ts';

/**
 * Everything up to where the control plane has taken the services on: reads the service file, builds what it has to build,
 * and asks for what it says.
 */
export async function haveAccepted(context: Context, names: readonly string[], asked: Asked): Promise<Accepted> {
  requireUsableState(context);
  const look = Promise.withResolvers<FirstLook | null>();
  const project = await loadProject(context, asked.options, names, () => look.resolve(firstLook(context)));
  requireSomeService(project);
  for (const warning of project.warnings) context.err.line(`${context.err.style('yellow', 'warning:')} ${warning}`);
  const specs = specsOf(project, asked);
  const hasBuilt = await buildProject(context, project, asked.options.build);
  // Building takes its time, and what was seen before it is old.
  const run = await askFor(context, project, { specs, asked, seen: hasBuilt ? null : look.promise });
  const ofTheFile = specs.filter(spec => !asked.scales.has(spec.name));
  if (!context.options.json) for (const note of scaleNotes(run, ofTheFile)) context.err.line(note);
  return { run, project };
}

export interface Accepted {
  readonly run: UpRun;
  readonly project: Project;
}

/** The file's services, with what the command line says over them. */
function specsOf({ services }: Project, { options, scales }: Asked): ServiceSpec[] {
  const unknown = [...scales.keys()].find(name => !services.some(s => s.name === name));
  if (unknown !== undefined) {
    throw usageError(
      `--scale names "${unknown}", which is not among the services to start.`,
      `They are: ${services.map(s => s.name).join(', ')}.`,
    );
  }
  return services.map(spec => withOverrides(spec, { replicas: scales.get(spec.name), pull: options.pull }));
}

interface Request {
  readonly specs: readonly ServiceSpec[];
  readonly asked: Asked;
  readonly seen: Promise<FirstLook | null> | null;
}

async function askFor(context: Context, project: Project, { specs, asked, seen }: Request): Promise<UpRun> {
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
    bindFolders: projectFolders(context, asked.options),
    hurry: hurry.signal,
    seen: await seen,
    check: (client, now) =>
      Promise.all([requireAnsweringNode(context, client, now), warnOfOtherNodes(context, client)]),
  }).catch(async error => {
    context.leaves(null);
    throw await withPlaces(error, project);
  });
  const revival = new Revival(context, applied);
  return { ...applied, context, namespace, startedAtMs, graceMs: asked.graceMs, revival, hurry: hurry.signal };
}
