import type { ApplyResult } from '../control-plane/control-plane.ts';
import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ServiceSpecInput } from '../control-plane/core/spec.ts';
import type { ServiceView } from '../control-plane/views/views.ts';
import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { ensureControlPlane, withControlPlane } from './embedded-control-plane.ts';
import type { FirstLook } from './first-look.ts';
import { isUnreachable } from './http-exchange.ts';

export interface ApplyOnce {
  readonly namespace: string;
  readonly specs: readonly ServiceSpecInput[];
  readonly origin: string;
  readonly bindFolders: readonly string[];
  /** Ends the waiting for an answer that is under way when the command is interrupted. */
  readonly hurry: AbortSignal;
  /** What the control plane said a moment ago, if it did. */
  readonly seen?: FirstLook | null;
  /** What has to hold before anything is asked for. */
  readonly check?: (client: ControlClient, seen: FirstLook | null) => Promise<unknown>;
}

export interface Applied {
  readonly client: ControlClient;
  /** The services of the namespace before this command. */
  readonly known: readonly ServiceView[];
  /** As seen from before this command, also where it had to ask twice. */
  readonly results: readonly ApplyResult[];
  /** A command started the control plane in the background, so that a command may do so again. */
  readonly isRevivable: boolean;
  /** Under which the services were asked for: only what nobody has asked for since is this command's to remove. */
  readonly requestId: string;
}

/** How long the answer is waited for once the command was interrupted. */
const PATIENCE_MS = 10_000;
const RECOVERY_MS = 25_000;

/**
 * Has services accepted so that it is known what this command created, whenever it is interrupted and whatever becomes of
 * the answer: a request that was sent is waited for, and one whose answer was lost is asked about. An interruption
 * before it was sent rejects with the signal's reason; one after it resolves, and the caller looks at the signal. Where
 * nobody can be asked, the error says how to remove what may have been accepted.
 */
export async function applyOnce(context: Context, request: ApplyOnce): Promise<Applied> {
  const { namespace, specs, origin, bindFolders, hurry } = request;
  const { signal } = context;
  const requestId = newRequestId();
  let known: readonly ServiceView[] | undefined;
  let isSent = false;
  const begin = async (client: ControlClient, seen: FirstLook | null): Promise<Applied> => {
    const [status, services] = await Promise.all([
      seen?.status ?? client.status(signal),
      client.services(namespace, signal),
      request.check?.(client, seen),
    ]);
    known ??= services;
    signal.throwIfAborted();
    const before = known;
    // Of one that was sent before, the answer may have been lost.
    const isRepeated = isSent;
    const patience = patientSignal(signal, hurry);
    const note = () => {
      if (!context.options.json) context.err.line(WAITS_FOR_ANSWER);
    };
    signal.addEventListener('abort', note, { once: true });
    try {
      const answer = await client.apply({ specs, origin, requestId }, patience.signal);
      const results = isRepeated ? answer.map(result => seenFrom(before, result)) : answer;
      return { client, known, results, isRevivable: status.exitWhenIdle, requestId };
    } catch (error) {
      isSent ||= !isRefused(error);
      throw error;
    } finally {
      patience.close();
      signal.removeEventListener('abort', note);
    }
  };
  try {
    return await withControlPlane(context, bindFolders, begin, request.seen);
  } catch (error) {
    if (!isSent || known === undefined) throw error;
    if (error === GAVE_UP) throw mayRun(request, known, late());
    if (!isUnreachable(error) && error !== signal.reason) throw error;
    if (!signal.aborted) throw mayRun(request, known, error);
    const before = known;
    return await askedAbout(context, { ...request, requestId }, before).catch(cause => {
      throw mayRun(request, before, cause);
    });
  }
}

/** Nobody took the connection, so that nothing can have been accepted. */
export function isRefused(error: unknown): boolean {
  return isUnreachable(error) && ['ENOENT', 'ECONNREFUSED'].includes(String(error.details['reason']));
}

const WAITS_FOR_ANSWER =
  'interrupted: waiting for the answer of the control plane, to remove what it accepted (Ctrl-C again: do not wait)';
const GAVE_UP = Symbol('gave up waiting for the answer');

/** Outlasts the interruption for a while, and ends at once when the user hurries. */
function patientSignal(interrupted: AbortSignal, hurry: AbortSignal) {
  const patience = new AbortController();
  const giveUp = () => patience.abort(GAVE_UP);
  let timer: NodeJS.Timeout | undefined;
  const onInterrupt = () => {
    timer = setTimeout(giveUp, PATIENCE_MS);
  };
  interrupted.addEventListener('abort', onInterrupt, { once: true });
  hurry.addEventListener('abort', giveUp, { once: true });
  return {
    signal: patience.signal,
    close: () => {
      clearTimeout(timer);
      interrupted.removeEventListener('abort', onInterrupt);
      hurry.removeEventListener('abort', giveUp);
    },
  };
}

/** What became of a request whose answer was lost, as the services tell who asked for them. */
async function askedAbout(
  context: Context,
  request: ApplyOnce & { readonly requestId: string },
  known: readonly ServiceView[],
): Promise<Applied> {
  const signal = AbortSignal.any([request.hurry, AbortSignal.timeout(RECOVERY_MS)]);
  const client = await ensureControlPlane({ ...context, signal });
  const [{ exitWhenIdle }, services] = await Promise.all([
    client.status(signal),
    client.services(request.namespace, signal),
  ]);
  const { requestId } = request;
  const accepted = services.filter(s => s.askedBy === requestId && !s.deleting);
  const results = accepted.map(({ namespace, name, generation, createdBy }): ApplyResult => {
    const service = { namespace, name };
    if (createdBy === requestId) return { service, outcome: 'created', generation, warnings: [] };
    return seenFrom(known, { service, outcome: 'unchanged', generation, warnings: [] });
  });
  return { client, known, results, isRevivable: exitWhenIdle, requestId };
}

/** An update that was carried out before it was sent again is answered with "unchanged". */
function seenFrom(known: readonly ServiceView[], result: ApplyResult): ApplyResult {
  const before = known.find(s => s.name === result.service.name);
  const isUpdated = result.outcome === 'unchanged' && before !== undefined && before.generation !== result.generation;
  return isUpdated ? { ...result, outcome: 'updated' } : result;
}

/** Unlike any other of this control plane's; it guards against nobody, so that what makes secrets need not be loaded. */
function newRequestId(): string {
  const random = () => Math.random().toString(36).slice(2, 12);
  return `${Date.now().toString(36)}-${random()}-${random()}`;
}

function mayRun({ namespace, specs }: ApplyOnce, known: readonly ServiceView[], cause: unknown): OutriggerError {
  const error = cause instanceof OutriggerError ? cause : late();
  const created = specs.map(s => s.name).filter(name => !known.some(s => s.name === name && !s.deleting));
  if (created.length === 0) return error;
  return new OutriggerError(error.code, `${error.message} It may have accepted ${created.join(', ')} before.`, {
    next: `Once it answers, see "outrigger ps -p ${namespace}"; "${removalCommand(namespace, created)}" removes what it accepted.`,
    details: error.details,
    cause: error,
  });
}

function late(): OutriggerError {
  return new OutriggerError('timeout', 'Interrupted before the control plane answered.');
}

/** What a person types to be rid of services. */
export function removalCommand(namespace: string, names: readonly string[]): string {
  return `outrigger down -p ${namespace} ${names.join(' ')}`.trimEnd();
}
