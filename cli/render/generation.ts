import type { ServiceView } from '../../control-plane/views/views.ts';
import { formatTime } from './units.ts';

/** The generation that is wanted, and when a file was last accepted: after a rollback that was the one that failed. */
export function generationInWords(
  { generation, acceptedAtMs, failedRollout }: Pick<ServiceView, 'generation' | 'acceptedAtMs' | 'failedRollout'>,
  nowMs: number,
): string {
  const accepted = `accepted ${formatTime(acceptedAtMs, nowMs)}`;
  if (!failedRollout?.rolledBack) return `${generation}, ${accepted}`;
  return `${generation}, rolled back from generation ${failedRollout.generation}, ${accepted}`;
}
