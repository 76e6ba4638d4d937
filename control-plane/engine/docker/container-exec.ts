import type { OutriggerError } from '../../core/errors.ts';
import type { EngineClient } from './engine-client.ts';
import { framedLines } from './logs.ts';
import { statusOf } from './translate-error.ts';

export type ExecResult =
  | { readonly kind: 'ended'; readonly exitCode: number; readonly output: string }
  /** The container does not run, is paused or gone; in the engine's words. */
  | { readonly kind: 'no_container'; readonly message: string }
  /** It runs on, as nothing can end it from outside the container; `execId` tells later whether it still does. */
  | { readonly kind: 'hangs'; readonly execId: string };

/**
 * Runs a command in a running container, as the container's own user. stdout and stderr come together, cut after 64 KiB.
 * The engine forgets what has ended by itself. Rejects where the engine does not answer.
 */
export async function execInContainer(
  client: EngineClient,
  request: { containerId: string; command: readonly string[]; deadlineMs: number },
  signal: AbortSignal,
): Promise<ExecResult> {
  const { containerId, command, deadlineMs } = request;
  const doing = `running ${command[0]} in container ${containerId.slice(0, 12)}`;
  const created = await createExec(client, { containerId, command, doing }, signal);
  if ('kind' in created) return created;
  const { execId } = created;
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
  const output = await outputOf(client, { execId, doing }, inTime).catch((error: OutriggerError) => {
    if (signal.aborted) throw error;
    // A container that ended in between, and an engine that speaks of a missing program here rather than in the output.
    if (statusOf(error) !== undefined || inTime.aborted) return error.message;
    throw error;
  });
  const state = await inspectExec(client, execId, signal);
  if (state?.Running) return { kind: 'hangs', execId };
  return { kind: 'ended', exitCode: state?.ExitCode ?? -1, output };
}

/** False as well where the engine does not know it any more. */
export async function isExecRunning(client: EngineClient, execId: string, signal: AbortSignal): Promise<boolean> {
  return (await inspectExec(client, execId, signal))?.Running ?? false;
}

async function createExec(
  client: EngineClient,
  { containerId, command, doing }: { containerId: string; command: readonly string[]; doing: string },
  signal: AbortSignal,
): Promise<{ execId: string } | Extract<ExecResult, { kind: 'no_container' }>> {
  try {
    const exec = await client.call({ doing, deadlineMs: client.deadlines.changeMs, signal }, (docker, abortSignal) =>
      docker
        .getContainer(containerId)
        .exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true, abortSignal } as never),
    );
    return { execId: exec.id };
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 409) return { kind: 'no_container', message: (error as Error).message };
    throw error;
  }
}

async function outputOf(
  client: EngineClient,
  { execId, doing }: { execId: string; doing: string },
  signal: AbortSignal,
): Promise<string> {
  const stream = await client.stream(
    { doing, method: 'POST', path: `/exec/${execId}/start`, query: {}, body: { Detach: false, Tty: false } },
    signal,
  );
  let output = '';
  try {
    for await (const { text } of framedLines(stream)) {
      if (output.length < MOST_OUTPUT_CHARACTERS) output += `${text}\n`;
    }
    return output.slice(0, MOST_OUTPUT_CHARACTERS);
  } finally {
    stream.destroy();
  }
}

async function inspectExec(
  client: EngineClient,
  execId: string,
  signal: AbortSignal,
): Promise<{ readonly Running: boolean; readonly ExitCode: number | null } | null> {
  return client
    .get<{ Running: boolean; ExitCode: number | null }>({
      doing: 'reading how a check in a container ended',
      path: `/exec/${execId}/json`,
      signal,
    })
    .catch((error: OutriggerError) => {
      if (statusOf(error) === 404) return null;
      throw error;
    });
}

const MOST_OUTPUT_CHARACTERS = 64 * 1024;
