import { OutriggerError } from '../control-plane/core/errors.ts';

/** The command was called wrongly: exit code 2. */
export function usageError(message: string, next?: string): OutriggerError {
  return new OutriggerError('invalid_argument', message, { ...(next && { next }), details: { usage: true } });
}
