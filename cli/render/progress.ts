import type { PhaseKind } from '../../control-plane/core/replica.ts';
import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import type { Style } from '../output.ts';
import { phaseDetail, phaseDurations, phaseStyle, whereabouts } from './phase.ts';
import { pad, singleLine, textWidth, truncate } from './text.ts';
import { formatBytes, formatDuration } from './units.ts';

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const SPINNER_FRAME_MS = 80;
const MAX_ROWS = 200;

export interface ProgressOptions {
  readonly nowMs: number;
  readonly width: number;
  readonly style: (style: Style, text: string) => string;
  /** The last state, which stays: the services may be about to go. */
  readonly isOver?: boolean;
}

/** The live display: a line for each replica with its phase, what it waits for, and for how long it has. */
export function progressLines(services: readonly ServiceView[], options: ProgressOptions): string[] {
  const rows = services.flatMap(service =>
    service.replicas.length === 0
      ? [serviceRow(service)]
      : service.replicas.map(replica => replicaRow(service, replica, options.nowMs)),
  );
  const shown = rows.slice(0, MAX_ROWS);
  const nameWidth = Math.max(0, ...shown.map(row => textWidth(row.name)));
  const phaseWidth = Math.max(0, ...shown.map(row => row.phase.length));
  const lines = shown.map(row => {
    const mark = options.style(
      row.style,
      row.mark ?? SPINNER[Math.floor(options.nowMs / SPINNER_FRAME_MS) % SPINNER.length]!,
    );
    const elapsed = row.elapsedMs === null ? '' : formatDuration(row.elapsedMs);
    const fixed = 2 + 2 + phaseWidth + 2 + 6;
    const name = truncate(row.name, Math.max(4, options.width - fixed));
    const left = `${mark} ${pad(name, Math.min(nameWidth, Math.max(4, options.width - fixed)))}  ${options.style(row.style, pad(row.phase, phaseWidth))}  ${pad(elapsed, 6, 'right')}`;
    const room = options.width - textWidth(left) - 2;
    return room >= 8 && row.detail !== ''
      ? `${left}  ${options.style('dim', truncate(singleLine(row.detail), room))}`
      : truncate(left.trimEnd(), options.width);
  });
  const more = rows.length > shown.length ? [`… and ${rows.length - shown.length} more`] : [];
  const hint = options.isOver ? null : placeHint(services, options.nowMs);
  return [...lines, ...more, ...(hint === null ? [] : [options.style('dim', truncate(hint, options.width))])];
}

/** How long a replica may wait for a place until the display says where to ask why. */
const PATIENCE_MS = 3_000;

/** A line has no room for the reasons of several nodes. */
function placeHint(services: readonly ServiceView[], nowMs: number): string | null {
  const isLong = (r: ReplicaView) => r.phase === 'pending' && nowMs - r.sinceMs > PATIENCE_MS;
  const waiting = services.filter(s => s.replicas.some(isLong)).map(s => s.name);
  if (waiting.length === 0) return null;
  if (waiting.length === 1) return `  see "outrigger why ${waiting[0]}"`;
  return `  see "outrigger why SERVICE" for ${waiting.join(', ')}`;
}

interface Row {
  readonly name: string;
  readonly phase: string;
  readonly style: Style;
  /** Absent: a spinner. */
  readonly mark: string | undefined;
  readonly elapsedMs: number | null;
  readonly detail: string;
}

function serviceRow(service: ServiceView): Row {
  const settled = service.state === 'ready';
  return {
    name: service.name,
    phase: service.state,
    style: settled ? 'green' : service.state === 'failed' ? 'red' : 'cyan',
    mark: settled ? '✔' : service.state === 'failed' ? '✘' : undefined,
    elapsedMs: null,
    detail: service.message,
  };
}

function replicaRow(service: ServiceView, replica: ReplicaView, nowMs: number): Row {
  const ready = replica.phase === 'ready';
  const first = replica.timings[0]?.enteredAtMs ?? replica.createdAtMs;
  const durations = ready ? phaseDurations(replica) : '';
  const detail = phaseDetail(replica, nowMs);
  return {
    name: `${service.name} ${replica.id}`,
    phase: replica.phase,
    style: phaseStyle(replica.phase),
    mark: MARKS[replica.phase],
    elapsedMs: ready ? replica.sinceMs - first : nowMs - replica.sinceMs,
    detail:
      durations === ''
        ? [whereabouts(replica).trim(), detail].filter(Boolean).join(', ')
        : `${detail}${detail ? '  ' : ''}(${durations})`,
  };
}

const MARKS: Partial<Record<PhaseKind, string>> = { ready: '✔', failed: '✘', lost: '✘', stopped: '●', backoff: '!' };

/**
 * The display for a log file: one plain line for each phase that a replica has entered since the last call, and one when
 * what it waits for changes, so that nothing is said twice. Phases that came and went between two states are known from
 * the replica's timings.
 */
export class PhaseLines {
  readonly #said = new Map<string, Set<string>>();

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

  /** Takes what is there as known: only later changes are told. */
  skip(services: readonly ServiceView[]): void {
    this.next(services, 0);
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
    const startedAtMs = replica.timings[0]?.enteredAtMs ?? replica.sinceMs;
    const after = (atMs: number) => (atMs > startedAtMs ? ` (after ${formatDuration(atMs - startedAtMs)})` : '');
    const passed = replica.timings
      .filter(t => t.phase !== replica.phase || t.enteredAtMs !== replica.sinceMs)
      .filter(t => first(`${t.phase} ${t.enteredAtMs}`))
      .map(t => `${name}  ${t.phase}${after(t.enteredAtMs)}`);
    const detail = plainDetail(replica, nowMs);
    const isNewPhase = first(`${replica.phase} ${replica.sinceMs}`);
    const isNewDetail = first(`${replica.phase} ${replica.sinceMs} ${plainDetail(replica, replica.sinceMs)}`);
    if (!isNewPhase && (!isNewDetail || detail === '')) return passed;
    return [
      ...passed,
      `${name}  ${replica.phase}${whereabouts(replica)}${detail && `: ${detail}`}${isNewPhase ? after(replica.sinceMs) : ''}`,
    ];
  }
}

const PULL_STEP_PERCENT = 25;

/** What a line says of the phase at hand: of a pull only each quarter, since its bytes change many times a second. */
function plainDetail(replica: ReplicaView, nowMs: number): string {
  const { phase, pulledBytes, pullTotalBytes } = replica;
  if (phase !== 'pulling' || pulledBytes === undefined || !pullTotalBytes)
    return singleLine(phaseDetail(replica, nowMs));
  const quarters = Math.floor((pulledBytes / pullTotalBytes) * (100 / PULL_STEP_PERCENT));
  return `${Math.min(100, quarters * PULL_STEP_PERCENT)} % of ${formatBytes(pullTotalBytes)}`;
}
