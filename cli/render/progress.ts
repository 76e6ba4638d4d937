import type { PhaseKind } from '../../control-plane/core/replica.ts';
import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import type { Style } from '../output.ts';
import { phaseDetail, phaseDurations, phaseStyle, phaseWord, whereabouts } from './phase.ts';
import { pad, singleLine, textWidth, truncate } from './text.ts';
import { formatDuration } from './units.ts';
import { wrap } from './wrap.ts';

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
  const told = new Set<string>();
  const lines = shown.flatMap(row => {
    const mark = options.style(
      row.style,
      row.mark ?? SPINNER[Math.floor(options.nowMs / SPINNER_FRAME_MS) % SPINNER.length]!,
    );
    const elapsed = row.elapsedMs === null ? '' : formatDuration(row.elapsedMs);
    const fixed = 2 + 2 + phaseWidth + 2 + 6;
    const name = truncate(row.name, Math.max(4, options.width - fixed));
    const left = `${mark} ${pad(name, Math.min(nameWidth, Math.max(4, options.width - fixed)))}  ${options.style(row.style, pad(row.phase, phaseWidth))}  ${pad(elapsed, 6, 'right')}`;
    const room = options.width - textWidth(left) - 2;
    const detail = singleLine(row.detail);
    // What is waited for is the one thing to read here: it is not cut, and told once for all that wait so.
    if (row.isWaiting && textWidth(detail) > room) {
      const width = options.width - INDENT.length;
      const rest = told.has(detail) ? [] : wrap(detail, width).slice(0, MAX_REASON_LINES);
      told.add(detail);
      return [truncate(left.trimEnd(), options.width), ...rest.map(line => INDENT + options.style('dim', line))];
    }
    return room >= 8 && detail !== ''
      ? `${left}  ${options.style('dim', truncate(detail, room))}`
      : truncate(left.trimEnd(), options.width);
  });
  const more = rows.length > shown.length ? [`… and ${rows.length - shown.length} more`] : [];
  const hint = options.isOver ? null : placeHint(services, options.nowMs);
  return [...lines, ...more, ...(hint === null ? [] : [options.style('dim', truncate(hint, options.width))])];
}

const INDENT = '    ';
const MAX_REASON_LINES = 6;
/** How long a replica may wait for a place, for no reason that is known yet, until the display says where to ask why. */
const PATIENCE_MS = 3_000;

/** A line has no room for the reasons of several nodes. */
function placeHint(services: readonly ServiceView[], nowMs: number): string | null {
  const isStuck = (r: ReplicaView) => r.phase === 'pending' && (r.message !== '' || nowMs - r.sinceMs > PATIENCE_MS);
  const waiting = services.filter(s => s.replicas.some(isStuck)).map(s => `${s.namespace}/${s.name}`);
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
  /** The detail says what it waits for. */
  readonly isWaiting: boolean;
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
    isWaiting: false,
  };
}

function replicaRow(service: ServiceView, replica: ReplicaView, nowMs: number): Row {
  const ready = replica.phase === 'ready';
  const first = replica.timings[0]?.enteredAtMs ?? replica.createdAtMs;
  const durations = ready ? phaseDurations(replica) : '';
  const detail = phaseDetail(replica, nowMs);
  return {
    name: `${service.name} ${replica.id}`,
    phase: phaseWord(service, replica.phase, replica),
    style: phaseStyle(replica.phase),
    mark: MARKS[replica.phase],
    elapsedMs: ready ? replica.sinceMs - first : nowMs - replica.sinceMs,
    detail:
      durations === ''
        ? [whereabouts(replica).trim(), detail].filter(Boolean).join(', ')
        : `${detail}${detail ? '  ' : ''}(${durations})`,
    isWaiting: replica.phase === 'pending',
  };
}

const MARKS: Partial<Record<PhaseKind, string>> = { ready: '✔', failed: '✘', lost: '✘', stopped: '●', backoff: '!' };
