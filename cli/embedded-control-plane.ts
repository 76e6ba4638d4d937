import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { addBindFolders } from '../control-plane/admission/bind-folders.ts';
import { OutriggerError } from '../control-plane/core/errors.ts';
import { type StateFolder, stateFolder } from '../control-plane/state-folder.ts';
import { isEmbeddedAddress } from './connect.ts';
import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import type { FirstLook } from './first-look.ts';
import { isUnreachable } from './http-exchange.ts';
import { LEAN_NODE } from './lean-node.ts';
import { nodesFileAt, otherNodesWarning } from './nodes-file.ts';
import { CHOOSE_ANOTHER_STATE, stateFolderProblem } from './state-folder-problem.ts';

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const ENDING_MS = 2_000;
const LOG_TAIL_BYTES = 16 * 1024;
const LOG_TAIL_LINES = 20;

/** The processes that this command started. */
const startedFor = new WeakMap<ControlClient, ChildProcess>();

/**
 * The control plane that this command speaks to; where none runs on the state folder, one is started in the background
 * that ends by itself once nothing is left to run. One named by --host or OUTRIGGER_ADDRESS is never started.
 * @param bindFolders what its containers may bind besides the user's home: the project's own folders
 * @param seen what it said a moment ago: then it is not asked again
 */
export async function ensureControlPlane(
  context: Context,
  bindFolders: readonly string[] = [],
  seen: FirstLook | null = null,
): Promise<ControlClient> {
  requireUsableState(context);
  const client = await context.client();
  const isEmbedded = isEmbeddedAddress(context.options, context);
  if (isEmbedded && bindFolders.length > 0) await allowBinds(context, bindFolders);
  if (seen !== null) return client;
  const deadlineMs = performance.now() + ENDING_MS;
  for (;;) {
    try {
      await client.status(context.signal);
      return client;
    } catch (error) {
      if (!isUnreachable(error) || !isEmbedded) throw error;
      const { reason } = error.details;
      if (reason === 'ENOENT' || reason === 'ECONNREFUSED') break;
      // One that ends at this moment cuts its last connections; soon nobody listens any more.
      const isEnding = reason === 'ECONNRESET' || reason === 'EPIPE' || reason === 'socket hang up';
      if (!isEnding || performance.now() > deadlineMs) throw error;
      await sleep(POLL_MS, undefined, { signal: context.signal });
    }
  }
  await startInBackground(context, client);
  return client;
}

/**
 * Begins a command with the control plane that it speaks to; once more where that one ended meanwhile, as one does that has
 * nothing left to run. `begin` must do no harm when it is done twice; what was seen of it holds for the first time only.
 */
export async function withControlPlane<Result>(
  context: Context,
  bindFolders: readonly string[],
  begin: (client: ControlClient, seen: FirstLook | null) => Promise<Result>,
  seen: FirstLook | null = null,
): Promise<Result> {
  const client = await ensureControlPlane(context, bindFolders, seen);
  try {
    return await begin(client, seen);
  } catch (error) {
    if (!isUnreachable(error) || !isEmbeddedAddress(context.options, context)) throw error;
    return await begin(await ensureControlPlane(context, bindFolders), null);
  }
}

/**
 * Ends the control plane that this command started, at once rather than once it has been idle for a while: it can start
 * nothing, and would answer the next command, which may name another engine, with the trouble of its own. True where it
 * was this command's.
 */
export async function endStarted(client: ControlClient): Promise<boolean> {
  const child = startedFor.get(client);
  if (child === undefined) return false;
  startedFor.delete(client);
  if (child.exitCode !== null || child.signalCode !== null) return true;
  child.ref();
  const ended = once(child, 'exit', { signal: AbortSignal.timeout(ENDING_MS) });
  child.kill();
  await ended.catch(() => {});
  child.unref();
  return true;
}

/** Says so where OUTRIGGER_NODES names nodes that the control plane does not have, as it ran already. */
export async function warnOfOtherNodes(context: Context, client: ControlClient): Promise<void> {
  const { environment, cwd, err, signal } = context;
  const named = environment['OUTRIGGER_NODES'];
  if (!named || !isEmbeddedAddress(context.options, context)) return;
  const { nodes: stateNodes } = stateFolder(environment, context.options.state);
  const warning = otherNodesWarning(await client.status(signal), { named, stateNodes, cwd });
  if (warning !== null) err.line(`${err.style('yellow', 'warning:')} ${warning}`);
}

/** Rejects what could never hold a control plane, in the words of `doctor`, before anything is built or started for it. */
export function requireUsableState(context: Context): void {
  if (!isEmbeddedAddress(context.options, context)) return;
  const problem = stateFolderProblem(stateFolder(context.environment, context.options.state));
  if (problem === null) return;
  throw new OutriggerError('invalid_argument', `The state folder cannot be used: ${problem}.`, {
    next: CHOOSE_ANOTHER_STATE,
  });
}

/**
 * For taking services down: the control plane that answers, or one that is started for it where the state of a killed
 * one is left. null where none ever ran here: then nothing does.
 */
export async function connectIfRunning(context: Context): Promise<ControlClient | null> {
  const { database } = stateFolder(context.environment, context.options.state);
  if (isEmbeddedAddress(context.options, context) && !existsSync(database)) return null;
  return await ensureControlPlane(context);
}

/** Told by a file, because the control plane may already run, and for another project. */
async function allowBinds(context: Context, bindFolders: readonly string[]): Promise<void> {
  const state = await ensureStateFolder(context);
  await addBindFolders(state.bindFolders, bindFolders).catch(cause => {
    throw new OutriggerError('invalid_argument', `${state.bindFolders} cannot be written (${cause.code}).`, {
      next: 'Make room or mend its permissions, or choose another state folder with --state or OUTRIGGER_STATE.',
      cause,
    });
  });
}

async function ensureStateFolder(context: Context): Promise<StateFolder> {
  const state = stateFolder(context.environment, context.options.state);
  await mkdir(state.folder, { recursive: true, mode: 0o700 }).catch(cause => {
    throw new OutriggerError('invalid_argument', `The state folder ${state.folder} cannot be made (${cause.code}).`, {
      next: CHOOSE_ANOTHER_STATE,
      cause,
    });
  });
  return state;
}

async function startInBackground(context: Context, client: ControlClient): Promise<void> {
  const state = await ensureStateFolder(context);
  const log = await open(state.log, 'a+', 0o600);
  try {
    const { size: logStart } = await log.stat();
    const nodes = context.environment['OUTRIGGER_NODES'];
    const main = path.join(import.meta.dirname, `main${path.extname(import.meta.filename)}`);
    // A folder of its own: the user's may be removed or unmounted while services run on.
    const child = spawn(
      process.execPath,
      [...LEAN_NODE.flags, main, 'serve', '--state', state.folder, '--exit-when-idle'],
      {
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        cwd: state.folder,
        env: {
          ...LEAN_NODE.environment,
          ...context.environment,
          // Named as seen from here.
          ...(nodes && { OUTRIGGER_NODES: nodesFileAt(context.cwd, nodes) }),
        },
      },
    );
    let ended: string | null = null;
    child.on('error', error => {
      ended = `it could not be started: ${error.message}`;
    });
    child.on('exit', (code, signal) => {
      ended = signal ? `it was ended by ${signal}` : `it ended with code ${code}`;
    });
    child.unref();

    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      if (await answers(client, context.signal)) {
        if (ended === null) startedFor.set(client, child);
        return;
      }
      // Another command may have started one at the same moment; ours then gave way, and that one answers soon.
      if (ended !== null && !(await answersWithin(client, context.signal, 1_000))) {
        throw await startFailed(ended, state.log, log, logStart);
      }
      if (performance.now() > deadlineMs) {
        child.kill();
        throw await startFailed(`it did not answer within ${START_TIMEOUT_MS / 1_000} s`, state.log, log, logStart);
      }
      await sleep(POLL_MS, undefined, { signal: context.signal }).catch(() => {
        child.kill();
        context.signal.throwIfAborted();
      });
    }
  } finally {
    await log.close();
  }
}

async function answersWithin(client: ControlClient, signal: AbortSignal, withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs;
  while (performance.now() < deadlineMs) {
    if (await answers(client, signal)) return true;
    await sleep(POLL_MS, undefined, { signal });
  }
  return false;
}

async function answers(client: ControlClient, signal: AbortSignal): Promise<boolean> {
  try {
    await client.status(signal, 5_000);
    return true;
  } catch (error) {
    if (isUnreachable(error)) return false;
    throw error;
  }
}

async function startFailed(
  what: string,
  logPath: string,
  log: Awaited<ReturnType<typeof open>>,
  logStart: number,
): Promise<OutriggerError> {
  const { size } = await log.stat();
  // It begins anew when it has become too long.
  const from = Math.max(size < logStart ? 0 : logStart, size - LOG_TAIL_BYTES);
  const { buffer, bytesRead } = await log.read(Buffer.alloc(size - from), 0, size - from, from);
  const lines = buffer
    .subarray(0, bytesRead)
    .toString('utf8')
    .split('\n')
    .filter(line => line !== '')
    .slice(-LOG_TAIL_LINES);
  return new OutriggerError('unavailable', `The control plane could not be started in the background: ${what}.`, {
    next: `See above and ${logPath}; "outrigger doctor" checks what it needs.`,
    details: { logTail: lines, log: logPath },
  });
}
