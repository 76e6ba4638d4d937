import type { PhaseKind } from '../../control-plane/core/replica.ts';
import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import { phaseDetail, phaseWord, whereabouts } from './phase.ts';
import { singleLine, truncate } from './text.ts';
import { formatBytes, formatDuration } from './units.ts';

/**
 * The display for a log file: one plain line for each phase that a replica has entered since the last call, and one when
 * what it waits for changes, so that nothing is said twice. Phases that came and went between two states are known from
 * the replica's timings.
 */
export class PhaseLines {
  readonly #said = new Map<string, Set<string>>();
  readonly #startedAtMs: number;

  /** @param startedAtMs when the command began: times are told from then, or from a replica's own beginning if that is later */
  constructor(startedAtMs = 0) {
    this.#startedAtMs = startedAtMs;
  }

  next(services: readonly ServiceView[], nowMs: number): string[] {
    return services.flatMap(service =>
      service.replicas.length === 0
        ? this.#farewell(service)
        : service.replicas.flatMap(replica => this.#replica(service, replica, nowMs)),
    );
  }

  /** What keeps a service that has no replica any more. */
  #farewell({ namespace, name, deleting, message }: ServiceView): string[] {
    if (!deleting || message === '') return [];
    const key = `${namespace}/${name}`;
    const said = this.#said.get(key) ?? new Set();
    this.#said.set(key, said);
    if (said.has(message)) return [];
    said.add(message);
    return [`${name}  deleting: ${singleLine(message)}`];
  }

  /** Takes what is there as known: only later changes are told, and what is not ready yet, since that is waited for. */
  skip(services: readonly ServiceView[]): void {
    this.next(services, 0);
    for (const replica of services.flatMap(s => s.replicas)) {
      if (!COMING.has(replica.phase)) continue;
      const said = this.#said.get(replica.id);
      for (const key of [phaseKey(replica), detailKey(replica)]) said?.delete(key);
    }
  }

  #replica(service: ServiceView, replica: ReplicaView, nowMs: number): string[] {
    const said = this.#said.get(replica.id) ?? new Set();
    this.#said.set(replica.id, said);
    const first = (key: string) => {
      const isNew = !said.has(key);
      said.add(key);
      return isNew;
    };
    const name = `${service.name} ${replica.id}`;
    const sinceMs = Math.max(this.#startedAtMs, replica.timings[0]?.enteredAtMs ?? replica.sinceMs);
    const after = (atMs: number) => (atMs > sinceMs ? ` (after ${formatDuration(atMs - sinceMs)})` : '');
    const passed = replica.timings
      .filter(t => t.phase !== replica.phase || t.enteredAtMs !== replica.sinceMs)
      .filter(t => first(`${t.phase} ${t.enteredAtMs}`))
      .map(t => `${name}  ${phaseWord(service, t.phase)}${after(t.enteredAtMs)}`);
    const detail = plainDetail(replica, nowMs);
    const isNewPhase = first(phaseKey(replica));
    const isNewDetail = first(detailKey(replica));
    if (!isNewPhase && (!isNewDetail || detail === '')) return passed;
    const phase = `${phaseWord(service, replica.phase, replica)}${whereabouts(replica)}`;
    return [...passed, `${name}  ${phase}${detail && `: ${detail}`}${isNewPhase ? after(replica.sinceMs) : ''}`];
  }
}

/** Phases of a replica that somebody waits for. */
const COMING: ReadonlySet<PhaseKind> = new Set(['pending', 'pulling', 'creating', 'starting', 'warming', 'backoff']);

function phaseKey({ phase, sinceMs }: ReplicaView): string {
  return `${phase} ${sinceMs}`;
}

/** The time that is left until something is no news. */
function detailKey(replica: ReplicaView): string {
  return `${phaseKey(replica)} ${plainDetail(replica, replica.sinceMs)}`;
}

const PULL_STEP_PERCENT = 25;
const FAILURE_WIDTH = 60;

/** What a line says of the phase at hand: of a pull only each quarter, since its bytes change many times a second. */
function plainDetail(replica: ReplicaView, nowMs: number): string {
  const { phase, pulledBytes, pullTotalBytes } = replica;
  // Whoever waits for it tells the whole of it, once for all that failed so.
  if (phase === 'failed') return truncate(singleLine(replica.message), FAILURE_WIDTH);
  if (phase !== 'pulling' || pulledBytes === undefined || !pullTotalBytes)
    return singleLine(phaseDetail(replica, nowMs));
  const quarters = Math.floor((pulledBytes / pullTotalBytes) * (100 / PULL_STEP_PERCENT));
  return `${Math.min(100, quarters * PULL_STEP_PERCENT)} % of ${formatBytes(pullTotalBytes)}`;
}
