import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ServiceView } from '../control-plane/views/views.ts';
import { type Applied, removalCommand } from './apply-once.ts';
import { type Context, Interruption } from './context.ts';
import { EXIT_CODE, type ExitCode } from './exit-code.ts';
import { lastLines } from './last-lines.ts';
import { removeAndWait } from './remove-and-wait.ts';
import type { Revival } from './revival.ts';
import { stillCreated } from './still-created.ts';

/** One `up` whose services were accepted. */
export interface UpRun extends Applied {
  readonly context: Context;
  readonly namespace: string;
  readonly startedAtMs: number;
  /** What a container gets to end by itself when it is taken down; undefined: what its service says. */
  readonly graceMs: number | undefined;
  readonly revival: Revival;
  /** Fires at the second interruption: nothing is waited for any more. */
  readonly hurry: AbortSignal;
}

export function removalOf({ client, namespace, graceMs, hurry }: UpRun) {
  return { client, namespace, volumes: false, hurry, ...(graceMs !== undefined && { graceMs }) };
}

export function createdBy({ results }: Pick<Applied, 'results'>): string[] {
  return results.filter(r => r.outcome === 'created').map(r => r.service.name);
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

/** After Ctrl-C before the services were ready. `latest`: as they were seen last. */
export async function undo(run: UpRun, latest: readonly ServiceView[]): Promise<ExitCode> {
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
export function sayWhatStays({ context, results }: Pick<UpRun, 'context' | 'results'>): void {
  const goOn = results.filter(r => r.outcome === 'updated' || r.outcome === 'scaled').map(r => r.service.name);
  if (goOn.length > 0) context.err.line(`the update of ${goOn.join(', ')} goes on; see "outrigger ps"`);
  const staying = results.filter(r => r.outcome === 'unchanged').map(r => r.service.name);
  if (staying.length === 0) return;
  const was = staying.length === 1 ? 'was there before and stays' : 'were there before and stay';
  context.err.line(`${staying.join(', ')} ${was}; "outrigger down" removes`);
}
