export { bytesInWords as formatBytes } from '../../control-plane/core/bytes-in-words.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long something takes, at most six characters: `0.3s`, `12s`, `4m05s`, `3h12m`, `9d`. Negative counts as zero. */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < 10 * SECOND_MS) {
    const tenths = Math.round(ms / 100);
    if (tenths < 100) return `${(tenths / 10).toFixed(1)}s`;
  }
  const seconds = Math.round(ms / SECOND_MS);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h${two(minutes % 60)}m`;
  return `${Math.floor(ms / DAY_MS)}d`;
}

/** How old something is: one unit, as in `docker ps`. */
export function formatAge(ageMs: number): string {
  const ms = Math.max(0, ageMs);
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)}h`;
  return `${Math.floor(ms / DAY_MS)}d`;
}

/** Cores without a useless fraction: `2`, `0.5`. */
export function formatCpus(cpus: number): string {
  return String(Math.round(cpus * 100) / 100);
}

/** Local wall-clock time with the date only where it is not today's. */
export function formatTime(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return at.toDateString() === new Date(nowMs).toDateString() ? time : `${date} ${time}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
