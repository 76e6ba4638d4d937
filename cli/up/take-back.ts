import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { ServiceView } from '../../control-plane/views/views.ts';
import { removalCommand } from '../apply-once.ts';
import { Interruption } from '../context.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { lastLines } from '../last-lines.ts';
import { removeAndWait } from '../remove-and-wait.ts';
import { stillCreated } from '../still-created.ts';
import { createdBy, removalOf, type UpRun } from './up-run.ts';

/**
 * Where an `up` ended before its services were ready, by an interruption or an error: says so, and removes what it created.
 * @param latest as the services were seen last
 */
export async function takeBack(
  run: UpRun,
  { error, latest }: { readonly error: unknown; readonly latest: readonly ServiceView[] },
): Promise<ExitCode> {
  const { context } = run;
  if (context.signal.aborted) return await undo(run, latest);
  // Before anything is removed: that may fail with an error of its own, which is then told besides.
  const { reportError } = await import('../report-error.ts');
  const debug = Boolean(context.environment['OUTRIGGER_DEBUG']);
  const exitCode = reportError(error, context.err, { json: context.options.json === true, debug });
  sayWhatStays(run);
  await removeCreated(run);
  return exitCode;
}

/**
 * A failed `up` leaves behind what was there before it, and nothing else.
 * @throws OutriggerError that names what is left and how to remove it, where the control plane cannot be told
 */
export async function removeCreated(run: UpRun): Promise<void> {
  await run.revival.settled();
  const created = await stillCreated(run.context, run, run.hurry);
  if (created.length === 0) {
    run.context.leaves(null);
    return;
  }
  if (!run.context.options.json) run.context.err.line(`removing what this command created: ${created.join(', ')}`);
  await takeAway(run, created);
}

/** Removes services and waits until they are gone; says what is left, and how it is removed, where that cannot be. */
export async function takeAway(run: UpRun, names: readonly string[]): Promise<ExitCode> {
  await run.revival.settled();
  try {
    return await removeAndWait(run.context, { ...removalOf(run), names, askedBy: run.requestId });
  } catch (thrown) {
    const cause = run.hurry.aborted || isTimeout(thrown) ? silence() : thrown;
    if (!(cause instanceof OutriggerError)) throw cause;
    throw new OutriggerError(cause.code, `${names.join(', ')} could not be removed: ${cause.message}`, {
      next: `Once the control plane answers again, "${removalCommand(run.namespace, names)}" removes what is left.`,
      details: cause.details,
      cause,
    });
  }
}

function isTimeout(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'TimeoutError';
}

function silence(): OutriggerError {
  return new OutriggerError('timeout', 'the control plane was not heard of in time');
}

/** After Ctrl-C. */
async function undo(run: UpRun, latest: readonly ServiceView[]): Promise<ExitCode> {
  const { context, client, hurry } = run;
  const created = new Set(createdBy(run));
  const unready = latest.filter(s => created.has(s.name) && s.state !== 'ready');
  for (const line of await lastLines(client, unready, hurry)) context.err.line(line);
  sayWhatStays(run);
  await removeCreated(run);
  return context.signal.reason instanceof Interruption && context.signal.reason.cause === 'reader_gone'
    ? EXIT_CODE.ok
    : EXIT_CODE.interrupted;
}

/** What was there before this command, and what it has changed of that. Said before the removal of the rest, which may fail. */
function sayWhatStays({ context, results }: UpRun): void {
  const goOn = results.filter(r => r.outcome === 'updated' || r.outcome === 'scaled').map(r => r.service.name);
  if (goOn.length > 0) context.err.line(`the update of ${goOn.join(', ')} goes on; see "outrigger ps"`);
  const staying = results.filter(r => r.outcome === 'unchanged').map(r => r.service.name);
  if (staying.length === 0) return;
  const was = staying.length === 1 ? 'was there before and stays' : 'were there before and stay';
  context.err.line(`${staying.join(', ')} ${was}; "outrigger down" removes`);
}
