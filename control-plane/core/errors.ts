/**
 * The one operational error. Adapters translate what they catch into it once, at the seam; servers translate it once
 * more into a gRPC or HTTP status (`api/status-codes.ts`). Expected outcomes (a rejected spec, a pending replica) are
 * values, not errors.
 */
export class OutriggerError extends Error {
  readonly code: ErrorCode;
  /** Trying the same again later may succeed. */
  readonly retryable: boolean;
  /** What a person does next, as a sentence; shown below the message. */
  readonly next: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable?: boolean; next?: string; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OutriggerError';
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    this.next = options.next;
    this.details = options.details ?? {};
  }
}

/** Every code an OutriggerError can carry; the status table in `api/` is total over it. */
export const ERROR_CODES = [
  'invalid_argument', // the request or file is wrong; sending it again cannot help
  'denied', // admission or authorization refused it
  'unauthenticated',
  'not_found',
  'conflict', // the name or port is taken, or the state does not allow it now
  'image_unavailable', // missing image, refused pull, wrong platform
  'container_rejected', // the engine refused to create or start it: bad command, missing device driver, bad mount
  'port_in_use',
  'out_of_resources', // disk full, no memory
  'unavailable', // engine, registry or control plane does not answer
  'timeout',
  'state_corrupt', // the state file cannot be read, or is newer than this program
  'unsupported',
  'internal',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

const RETRYABLE: ReadonlySet<ErrorCode> = new Set(['unavailable', 'timeout', 'conflict', 'out_of_resources']);

/** Any thrown value as an OutriggerError: itself, or `internal` with the original as its cause. */
export function toOutriggerError(thrown: unknown, context?: string): OutriggerError {
  if (thrown instanceof OutriggerError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new OutriggerError('internal', context ? `${context}: ${message}` : message, { cause: thrown });
}
