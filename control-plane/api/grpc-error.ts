import { Metadata, type StatusObject } from '@grpc/grpc-js';
import type { OutwardError } from './outward-error.ts';
import { STATUS_OF } from './status-codes.ts';

/**
 * An error as gRPC carries it: the status of the shared table, and in the trailing metadata what a status cannot say:
 * `outrigger-code` (the exact code), `outrigger-next-bin` (the next step, UTF-8), `outrigger-details-bin` (JSON, when it
 * is small).
 */
export function grpcError(error: OutwardError): StatusObject {
  const metadata = new Metadata();
  metadata.set('outrigger-code', error.code);
  if (error.next !== undefined) metadata.set('outrigger-next-bin', Buffer.from(shortened(error.next)));
  if (error.details !== undefined) {
    const details = Buffer.from(JSON.stringify(error.details));
    if (details.length <= MAX_DETAILS_BYTES) metadata.set('outrigger-details-bin', details);
  }
  return { code: STATUS_OF[error.code].grpc, details: shortened(error.message), metadata };
}

/**
 * Clients take 8 to 16 KiB of trailers. A lone surrogate cannot be percent-encoded: the library would throw where nobody
 * catches.
 */
function shortened(text: string): string {
  return (text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`).toWellFormed();
}

const MAX_TEXT = 1_000;
const MAX_DETAILS_BYTES = 2_048;
