import type { ErrorCode } from '../control-plane/core/errors.ts';
import type { Context } from './context.ts';
import { failureLines } from './render/failure.ts';
import type { RolloutResult, ServiceFailure } from './wait-for-rollout.ts';

type Unready = Exclude<RolloutResult, { kind: 'ready' }>;

/**
 * Says on stderr what did not become ready: as one error where JSON was asked for, otherwise in lines.
 * @param late the lines below the headline for what is not ready in time
 */
export function reportRollout(
  { err, options }: Pick<Context, 'err' | 'options'>,
  result: Unready,
  { namespace, headline, late }: { namespace: string; headline: string; late: readonly string[] },
): void {
  const blocks =
    result.kind === 'failed' ? result.failures.map(f => failureLines(f, namespace)) : [[headline, ...late]];
  if (options.json) {
    const lines = blocks.flat();
    const next = lines.findLast(line => line.startsWith(NEXT))?.slice(NEXT.length);
    err.json({
      error: {
        code: codeOf(result),
        message: blocks.map(([first]) => first).join('; '),
        ...(next !== undefined && { next }),
        details: detailsOf(result),
      },
    });
    return;
  }
  for (const [first, ...rest] of blocks) {
    err.line(`${err.style('red', 'error:')} ${first}`);
    for (const line of rest) err.line(line);
  }
}

const NEXT = '  next: ';

function codeOf(result: Unready): ErrorCode {
  if (result.kind === 'timed_out') return 'timeout';
  const { failures } = result;
  if (failures.every(f => f.reason === 'removed')) return 'not_found';
  return failures.every(f => f.reason === 'superseded') ? 'conflict' : 'container_rejected';
}

function detailsOf(result: Unready): Record<string, unknown> {
  if (result.kind === 'timed_out') return { waitingFor: result.waitingFor };
  return { failures: result.failures.map(brief) };
}

function brief({ service, reason, message, culprit }: ServiceFailure) {
  const { id, exitCode, logTail = [] } = culprit ?? {};
  return {
    service,
    reason,
    message,
    ...(id && { replicaId: id }),
    ...(exitCode !== undefined && { exitCode }),
    logTail,
  };
}
