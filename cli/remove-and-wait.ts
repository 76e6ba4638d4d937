import type { ServiceRef } from '../control-plane/control-plane.ts';
import type { ServiceView } from '../control-plane/views/views.ts';
import type { Context } from './context.ts';
import { ensureControlPlane } from './embedded-control-plane.ts';
import { EXIT_CODE, type ExitCode } from './exit-code.ts';
import { openProgressDisplay } from './progress-display.ts';
import { type RemoveServices, removeServices, runningBefore } from './remove-services.ts';
import { formatDuration } from './render/units.ts';
import { askedForSince } from './still-created.ts';

const REVIVAL_MS = 30_000;

const SILENT_ADVICE = [
  'next: see "outrigger nodes" for what is wrong there; what is left ends once the node answers,',
  'or is given up once a node that never comes back is taken out of the nodes file',
];

/**
 * Drains and removes services and shows them go. It goes on when the command was interrupted before, since the removal
 * is what the interruption asked for; the next interruption ends only the waiting.
 */
export async function removeAndWait(context: Context, request: RemoveServices): Promise<ExitCode> {
  const waiting = new AbortController();
  const interruptedBefore = context.signal.aborted;
  const stop = () => waiting.abort();
  if (interruptedBefore) context.onSecondInterrupt(stop);
  else context.signal.addEventListener('abort', stop, { once: true });
  if (request.hurry?.aborted) stop();
  else request.hurry?.addEventListener('abort', stop, { once: true });
  const started = performance.now();
  // Not with the command's own signal: what a killed control plane left is removed after an interruption too.
  const revive = () => {
    const signals = [AbortSignal.timeout(REVIVAL_MS), ...(request.hurry ? [request.hurry] : [])];
    return ensureControlPlane({ ...context, signal: AbortSignal.any(signals) });
  };
  await revive();
  // Only for what is shown.
  const known = request.known ?? (await runningBefore(request).catch(() => []));
  const display = await openProgressDisplay(context.err, { quiet: context.options.json === true, known });
  let accepted = false;
  try {
    const { removed, result } = await removeServices(request, {
      signal: waiting.signal,
      onAccepted: () => {
        accepted = true;
        context.leaves(null);
      },
      revive,
      onUpdate: services => display.update(services),
    });
    display.stop();
    const others = othersAmong(request, removed, known);
    if (others.length > 0 && !context.options.json) context.err.line(askedForSince(others));
    if (context.options.json) {
      const { left, reasons } = result.kind === 'gone' ? { left: [], reasons: [] } : result;
      context.out.json({ type: 'removed', removed, left, reasons });
    }
    if (result.kind !== 'gone') {
      if (context.options.json) return EXIT_CODE.failed;
      context.err.line(`still on their way out: ${result.left.join(', ')}; the control plane goes on with them`);
      for (const reason of result.reasons) context.err.line(`  ${reason}`);
      if (result.kind === 'silent') for (const line of SILENT_ADVICE) context.err.line(`  ${line}`);
      return EXIT_CODE.failed;
    }
    if (context.options.json || removed.length === 0) return EXIT_CODE.ok;
    context.err.line(
      `removed ${removed.map(r => r.name).join(', ')} in ${formatDuration(performance.now() - started)}`,
    );
    return EXIT_CODE.ok;
  } catch (error) {
    display.stop();
    if (!accepted || !waiting.signal.aborted) throw error;
    context.err.line('interrupted: the control plane goes on draining and removing; see "outrigger ps"');
    return EXIT_CODE.interrupted;
  } finally {
    display.stop();
    context.signal.removeEventListener('abort', stop);
    request.hurry?.removeEventListener('abort', stop);
  }
}

/** What was to be taken back and stays, as it is not this command's alone any more. */
function othersAmong(
  { names, askedBy }: RemoveServices,
  removed: readonly ServiceRef[],
  known: readonly ServiceView[],
): string[] {
  if (askedBy === undefined) return [];
  return names.filter(name => known.some(s => s.name === name) && !removed.some(r => r.name === name));
}
