import { randomBytes } from 'node:crypto';
import { type ErrorCode, toOutriggerError } from '../core/errors.ts';
import type { ApiLog } from './api-log.ts';

/** An error as a client sees it: `{error: ...}` in HTTP, status and trailing metadata in gRPC. */
export interface OutwardError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly next?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * What may leave the house. An `internal` error was not meant for people and may name anything: outside it is bland and
 * carries a reference, under which the log has the cause.
 */
export function outwardError(thrown: unknown, log: ApiLog, request: string): OutwardError {
  const error = toOutriggerError(thrown);
  if (error.code === 'internal') {
    const reference = randomBytes(6).toString('hex');
    log.error({ err: error.cause ?? error, reference, request }, 'request failed unexpectedly');
    return {
      code: 'internal',
      message: `the control plane failed to answer this request (reference ${reference})`,
      next: `Look for the reference ${reference} in the control plane's log.`,
    };
  }
  return {
    code: error.code,
    message: error.message,
    ...(error.next === undefined ? {} : { next: error.next }),
    ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
  };
}
