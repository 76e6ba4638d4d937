import { actionKey, createAction, pullAction, removeKey, startKey, stopKey } from '../core/actions.ts';
import type { Desired } from '../core/desired.ts';
import { awaitsDeviceCheckUntil } from '../core/lifecycle/first-device-check.ts';
import { deviceTurns, type TurnReason } from '../core/nodes/device-turns.ts';
import type { Observed } from '../core/observed.ts';
import type { Cause, DrainReason, PhaseOf, Replica } from '../core/replica.ts';
import type { ServiceKey, ServiceSpec } from '../core/spec.ts';
import { untidyNodes } from '../core/waiting/cluster-in.ts';
import type { PendingLines } from './pending-lines.ts';
import { remainingInWords } from './remaining-in-words.ts';
import { standingInWords } from './standing-in-words.ts';
import { turnInWords } from './turn-in-words.ts';

/** What a replica waits for in its phase, or why it is there; empty where nothing is to be said. */
export function phaseInWords(
  replica: Replica,
  spec: ServiceSpec,
  { state, observed, turns: { waiting, untidy, refusals }, pending }: Scene,
): string {
  const { phase } = replica;
  const turn = waiting.get(replica.id);
  if (turn !== undefined) return turnInWords(turn);
  switch (phase.kind) {
    case 'pending':
      return pending.of(replica, phase, spec);
    case 'pulling':
      return waitingFor(observed, actionKey(pullAction(phase.placement.node, spec))) || imageInWords(spec);
    case 'creating': {
      const key = actionKey(createAction(replica, phase.placement, spec));
      const { node } = phase.placement;
      const isHeldUp = isCreatedWithDevices(replica) && untidy.has(node) && !isDoneOrUnderWay(observed, key);
      if (isHeldUp) return `containers of an earlier time are ended on ${node} first`;
      return refusals.get(replica.id) ?? waitingFor(observed, key);
    }
    case 'starting':
      return (
        waitingFor(observed, startKey(phase.container.id)) ||
        observed.probes.get(phase.container.id)?.message ||
        checkInWords(replica, phase, { spec, observed })
      );
    case 'warming':
      return observed.probes.get(phase.container.id)?.message ?? '';
    case 'ready':
      if (!phase.impaired) return standingInWords(replica, observed);
      return observed.probes.get(phase.container.id)?.message ?? 'the readiness probe fails';
    case 'draining':
      return [drainInWords(phase.reason, state.replicas.values()), standingInWords(replica, observed)]
        .filter(Boolean)
        .join('; ');
    case 'stopping': {
      const cause = phase.afterwards.kind === 'retried' ? phase.afterwards.cause.message : '';
      const stop =
        (phase.container !== null && waitingFor(observed, stopKey(phase.container.id))) || refusals.get(replica.id);
      const said = [cause, endInWords(phase.placement.node, observed) || stop].filter(Boolean).join('; ');
      return said || graceInWords(state.services.get(replica.service)?.removal?.graceMs, spec);
    }
    case 'backoff':
    case 'failed':
      return phase.cause.message;
    case 'stopped':
      return '';
    case 'lost':
      return `node ${phase.placement.node} does not answer, nor does its own probe pass`;
    default:
      return phase satisfies never;
  }
}

/** What there is beside the replica. */
export interface Scene {
  readonly state: Pick<Desired, 'replicas' | 'services'>;
  readonly observed: Observed;
  readonly turns: Turns;
  readonly pending: PendingLines;
}

/** How a pass judges at this moment. */
export interface Judged {
  /** By the Clock. */
  readonly now: number;
  /** No pass can be made with the service. */
  readonly isLeftAlone: (service: ServiceKey) => boolean;
}

/** What replicas that have a place wait for there. */
export interface Turns {
  /** On devices that they share, by replica id. */
  readonly waiting: ReadonlyMap<string, TurnReason>;
  /** Nodes where something of an earlier time ends before anything is created with a device. */
  readonly untidy: ReadonlySet<string>;
  /** By replica id: what a node last said where a container of it could not be ended, before which it does not get on. */
  readonly refusals: ReadonlyMap<string, string>;
}

export function turnsIn(state: Desired, observed: Observed, { now, isLeftAlone }: Judged): Turns {
  const { replicas, specOf } = state;
  const { waiting } = deviceTurns({ replicas, specOf, isLeftAlone }, observed, now);
  const isAnyHeldUp = [...state.replicas.values()].some(isCreatedWithDevices);
  const untidy = isAnyHeldUp ? untidyNodes({ observed, replicas: state.replicas }) : new Set<string>();
  return { waiting, untidy, refusals: refusalsIn(observed) };
}

function refusalsIn({ nodes, effects }: Observed): ReadonlyMap<string, string> {
  const refusals = new Map<string, string>();
  if (![...effects.values()].some(e => e.kind === 'failed')) return refusals;
  for (const { name, containers } of nodes.values()) {
    for (const { id, replicaId } of containers) {
      const ways = [
        ['removed', effects.get(removeKey(id))],
        ['stopped', effects.get(stopKey(id))],
      ] as const;
      for (const [what, end] of ways) {
        if (end?.kind !== 'failed') continue;
        refusals.set(replicaId, `what is left of it cannot be ${what} on ${name}: ${end.message}`);
        break;
      }
    }
  }
  return refusals;
}

/** @param all every replica, among them those that room is made for */
export function drainInWords(reason: DrainReason, all: Iterable<Replica>): string {
  switch (reason) {
    case 'scaled_down':
      return 'scaled down';
    case 'replaced':
    case 'deleted':
      return reason;
    case 'moved':
      return 'moves away from its node';
    case 'preempted':
      return preemptionInWords(all);
    default:
      return reason satisfies never;
  }
}

function preemptionInWords(all: Iterable<Replica>): string {
  const isAwaited = ({ phase }: Replica) => phase.kind === 'pending' && phase.reasons.some(r => r.kind === 'room_made');
  const services = [...new Set([...all].filter(isAwaited).map(r => r.service))].sort();
  if (services.length === 0) return 'makes room for a service of higher priority';
  const named = services.slice(0, NAMED).join(', ');
  const more = services.length > NAMED ? ` and ${services.length - NAMED} more` : '';
  return `makes room for ${named}${more} of higher priority`;
}

const NAMED = 3;

export function causeOf(replica: Replica): Cause | null {
  const { phase } = replica;
  if (phase.kind === 'backoff' || phase.kind === 'failed') return phase.cause;
  return phase.kind === 'stopping' && phase.afterwards.kind === 'retried' ? phase.afterwards.cause : null;
}

/** What is on a node that is away ends when that is back. */
function endInWords(node: string, { nodes }: Observed): string {
  const seen = nodes.get(node);
  if (!seen || seen.answering) return '';
  return `it ends once node ${node} answers (${seen.error ?? 'unknown reason'})`;
}

/** @param askedMs what the command that removes its service gives it instead */
function graceInWords(askedMs: number | undefined, { stopGraceMs }: ServiceSpec): string {
  if ((askedMs ?? stopGraceMs) === 0) return '';
  const limit = `waits up to ${remainingInWords(askedMs ?? stopGraceMs)} for it to end`;
  return askedMs === undefined ? `${limit} (stop_grace_period)` : limit;
}

/** Its phase is the same whether an image is pulled or only looked for. */
function imageInWords({ image, pullPolicy }: ServiceSpec): string {
  return pullPolicy === 'never' ? `looks for the image ${image}` : image;
}

/** What is past its startup probe is asked for its devices before it is ready. */
function checkInWords(
  replica: Replica,
  phase: PhaseOf<'starting'>,
  facts: { readonly spec: ServiceSpec; readonly observed: Observed },
): string {
  const isUp = facts.observed.probes.get(phase.container.id)?.startup === 'passed';
  return isUp && awaitsDeviceCheckUntil(replica, phase, facts) !== null ? 'x-outrigger.gpu.check is asked first' : '';
}

function isCreatedWithDevices({ phase }: Replica): boolean {
  return phase.kind === 'creating' && phase.placement.devices.length > 0;
}

function isDoneOrUnderWay({ effects }: Observed, key: string): boolean {
  const kind = effects.get(key)?.kind;
  return kind === 'under_way' || kind === 'settled';
}

/** What an effect that is going to be tried again last said. */
function waitingFor(observed: Observed, key: string): string {
  const effect = observed.effects.get(key);
  if (effect?.kind === 'queued') return 'waits for its turn: its node is given as many calls at once as it may have';
  return effect?.kind === 'failed' ? effect.message : '';
}
