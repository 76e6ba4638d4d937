import { Interruption } from './context.ts';

/** What a command rejects with when it was told to end, whatever it was doing. */
export function isInterruption(error: unknown): boolean {
  const { name, cause } = (error ?? {}) as Error;
  return error instanceof Interruption || cause instanceof Interruption || name === 'AbortError';
}
