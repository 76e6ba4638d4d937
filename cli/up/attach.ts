import { setTimeout as sleep } from 'node:timers/promises';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { SeenLines } from '../../control-plane/logs/seen-lines.ts';
import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import { logPrinter } from '../commands/logs.ts';
import { Interruption } from '../context.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { followServices } from '../follow-services.ts';
import { isUnreachable } from '../http-exchange.ts';
import { exitCodeMeaning } from '../render/failure.ts';
import { singleLine } from '../render/text.ts';
import { formatDuration } from '../render/units.ts';
import { takeAway } from './take-back.ts';
import type { UpRun } from './up-run.ts';

export interface Attachment extends UpRun {
  readonly names: readonly string[];
}

const LOG_RETRY_MS = 1_000;

/**
 * Stays with running services: prints what they write, and says when one of them crashes or goes. The first Ctrl-C
 * drains and removes them. Ends by itself when all of them are gone or have failed.
 */
export async function attach(attachment: Attachment): Promise<ExitCode> {
  const { context } = attachment;
  context.err.line(context.err.style('dim', 'following the logs; Ctrl-C drains and removes'));
  const ended = new AbortController();
  // What services write while they stop is shown too: the logs outlast the interruption.
  const logs = printLogs(attachment, ended.signal);
  try {
    return await watchOver(attachment, context.signal);
  } catch (error) {
    if (!context.signal.aborted) throw error;
    return await takeDown(attachment);
  } finally {
    ended.abort();
    await logs;
  }
}

async function takeDown(attachment: Attachment): Promise<ExitCode> {
  const { context, names } = attachment;
  const gone = context.signal.reason instanceof Interruption && context.signal.reason.cause === 'reader_gone';
  context.err.line(`draining and removing ${names.join(', ')} (Ctrl-C again: do not wait)`);
  await takeAway(attachment, names);
  return gone ? EXIT_CODE.ok : EXIT_CODE.interrupted;
}

async function watchOver(attachment: Attachment, signal: AbortSignal): Promise<ExitCode> {
  const { context, client, namespace, names, revival } = attachment;
  const changes = new CrashNotes();
  revival.failed.addEventListener('abort', () => {
    const { message } = revival.failed.reason as Error;
    context.err.line(`it could not be started again: ${message} "outrigger doctor" says more; Ctrl-C tries once more`);
  });
  const follow = followServices(client, namespace, {
    signal,
    giveUpAfterMs: Number.POSITIVE_INFINITY,
    onLost: error => context.err.line(revival.begin(error)),
    onBack: () => context.err.line('the control plane answers again'),
  });
  for await (const services of follow) {
    const mine = services.filter(s => names.includes(s.name));
    for (const note of changes.next(mine)) context.err.line(context.err.style('yellow', note));
    if (mine.length === 0) {
      context.err.line('all services were removed');
      return EXIT_CODE.ok;
    }
    if (mine.every(s => s.state === 'failed')) {
      context.err.line(`no service runs any more: ${mine.map(s => `${s.name}: ${singleLine(s.message)}`).join('; ')}`);
      return EXIT_CODE.failed;
    }
  }
  return EXIT_CODE.ok;
}

/** One line for each crash of a replica, told once. */
class CrashNotes {
  readonly #told = new Set<string>();

  next(services: readonly ServiceView[]): string[] {
    return services.flatMap(service =>
      service.replicas.flatMap(replica => {
        if (replica.phase !== 'backoff' && replica.phase !== 'failed') return [];
        const key = `${replica.id} ${replica.attempt} ${replica.phase}`;
        if (this.#told.has(key)) return [];
        this.#told.add(key);
        return [crashNote(service, replica)];
      }),
    );
  }
}

function crashNote(service: ServiceView, replica: ReplicaView): string {
  const code =
    replica.exitCode === undefined ? '' : ` (exit code ${replica.exitCode}${exitCodeMeaning(replica.exitCode)})`;
  const next =
    replica.phase === 'failed'
      ? 'gave up on it'
      : `starts again in ${formatDuration(Math.max(0, (replica.retryAtMs ?? 0) - Date.now()))}`;
  return `${service.name} ${replica.id}: ${singleLine(replica.message) || 'ended'}${code}; ${next}`;
}

/** Log lines since the start of this command, over restarts of the control plane. */
async function printLogs(attachment: Attachment, signal: AbortSignal): Promise<void> {
  const { context, client, namespace, names } = attachment;
  const print = logPrinter(context.out, {
    json: context.options.json === true,
    color: true,
    prefix: true,
    timestamps: false,
  });
  const printed = new SeenLines();
  while (!signal.aborted) {
    try {
      printed.reopened();
      const sinceMs = Math.max(attachment.startedAtMs, printed.resumeMs() ?? 0);
      for await (const line of client.logs({ namespace, names, follow: true, sinceMs }, signal)) {
        const { replicaId, stream, timestamp } = line;
        if (printed.isNew({ source: `${replicaId} ${stream}`, timestamp })) print(line);
      }
    } catch (error) {
      // That a service is gone is told by whoever watches over them.
      const isGone = error instanceof OutriggerError && error.code === 'not_found';
      if (!signal.aborted && !isUnreachable(error) && !isGone) context.err.line(`logs: ${(error as Error).message}`);
    }
    await sleep(LOG_RETRY_MS, undefined, { signal }).catch(() => {});
  }
}
