import type { OutriggerError } from '../control-plane/core/errors.ts';
import type { ServiceView } from '../control-plane/views/views.ts';
import type { ControlClient } from './control-client.ts';
import { followServices } from './follow-services.ts';
import { isUnreachable } from './http-exchange.ts';
import { waitForSilence } from './wait-for-silence.ts';

export interface GoneWait {
  readonly client: Pick<ControlClient, 'watchServices' | 'nodes'>;
  readonly namespace: string;
  readonly names: readonly string[];
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  /** It ends by itself once nothing is left, and takes its socket along. */
  readonly exitsWhenIdle: boolean;
  readonly onUpdate: (services: readonly ServiceView[]) => void;
  /** How long what is left may wait for silent nodes alone, and how often that is looked at. */
  readonly silence?: { readonly forMs: number; readonly everyMs: number };
}

export type GoneResult =
  | { readonly kind: 'gone' }
  /** `silent`: all that is left waits for nodes that do not answer, which may last for ever. */
  | { readonly kind: 'timed_out' | 'silent'; readonly left: readonly string[]; readonly reasons: readonly string[] };

/** Waits until the named services have left the control plane, or until only nodes that do not answer keep them. */
export async function waitUntilGone(wait: GoneWait): Promise<GoneResult> {
  const deadline = new AbortController();
  const timer = wait.timeoutMs === undefined ? undefined : setTimeout(() => deadline.abort(TIMED_OUT), wait.timeoutMs);
  let left: readonly ServiceView[] = [];
  let isKnown = false;
  const ended = new AbortController();
  const { forMs, everyMs } = wait.silence ?? SILENCE;
  const signal = AbortSignal.any([wait.signal, deadline.signal, ended.signal]);
  const nodes = (inTime: AbortSignal) => wait.client.nodes(inTime);
  void waitForSilence({ signal, leaving: () => left, nodes, forMs, everyMs }).then(
    () => deadline.abort(SILENT),
    () => {},
  );
  try {
    const follow = followServices(wait.client, wait.namespace, {
      signal,
      giveUpAfterMs: wait.exitsWhenIdle ? IDLE_EXIT_GRACE_MS : GIVE_UP_AFTER_MS,
    });
    for await (const services of follow) {
      const leaving = services.filter(s => wait.names.includes(s.name) && s.deleting);
      wait.onUpdate(leaving);
      left = leaving;
      isKnown = true;
      if (left.length === 0) return { kind: 'gone' };
    }
    return { kind: 'gone' };
  } catch (error) {
    if (error === TIMED_OUT || error === SILENT) {
      const names = isKnown ? left.map(s => s.name) : wait.names;
      return { kind: error === SILENT ? 'silent' : 'timed_out', left: names, reasons: left.flatMap(reasonsOf) };
    }
    if (wait.exitsWhenIdle && tookItsSocketAlong(error)) return { kind: 'gone' };
    throw error;
  } finally {
    clearTimeout(timer);
    ended.abort();
  }
}

/** Why it is still there, a line for each replica. */
function reasonsOf({ name, message, replicas }: ServiceView): string[] {
  if (replicas.length === 0) return message === '' ? [] : [`${name}: ${message}`];
  return replicas.map(r => `${name} ${r.id}  ${r.phase}${r.message === '' ? '' : `: ${r.message}`}`);
}

const TIMED_OUT = Symbol('timed out');
const SILENT = Symbol('silent');
/** A machine that is restarted may be back within that. */
const SILENCE = { forMs: 30_000, everyMs: 2_000 };
const GIVE_UP_AFTER_MS = 60_000;
const IDLE_EXIT_GRACE_MS = 2_000;

/** A control plane that ends in order removes its socket; one that was killed leaves it, and then nobody answers. */
function tookItsSocketAlong(error: unknown): error is OutriggerError {
  return isUnreachable(error) && error.details['reason'] === 'ENOENT';
}
