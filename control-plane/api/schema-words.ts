import { z } from 'zod';

/** What several schemas are made of. */
export const count = z.int().min(0);
export const timeMs = z.int().min(0);
export const optional = z.exactOptional;

export const phaseKind = z.enum([
  'pending',
  'pulling',
  'creating',
  'starting',
  'warming',
  'ready',
  'draining',
  'stopping',
  'stopped',
  'backoff',
  'failed',
  'lost',
]);

export const serviceState = z.enum(['starting', 'ready', 'updating', 'degraded', 'failed', 'deleting']);
