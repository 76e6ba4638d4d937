import { status } from '@grpc/grpc-js';
import type { ErrorCode } from '../core/errors.ts';

/**
 * The one table that turns an error's code into a status of each protocol; `satisfies` keeps it total. Several codes
 * share a status; the exact one always travels beside it: in the body (`error.code`) and in the trailing metadata
 * (`outrigger-code`).
 */
export const STATUS_OF = {
  invalid_argument: { grpc: status.INVALID_ARGUMENT, http: 400 },
  denied: { grpc: status.PERMISSION_DENIED, http: 403 },
  unauthenticated: { grpc: status.UNAUTHENTICATED, http: 401 },
  not_found: { grpc: status.NOT_FOUND, http: 404 },
  conflict: { grpc: status.ABORTED, http: 409 },
  image_unavailable: { grpc: status.FAILED_PRECONDITION, http: 422 },
  container_rejected: { grpc: status.FAILED_PRECONDITION, http: 422 },
  port_in_use: { grpc: status.ALREADY_EXISTS, http: 409 },
  out_of_resources: { grpc: status.RESOURCE_EXHAUSTED, http: 507 },
  unavailable: { grpc: status.UNAVAILABLE, http: 503 },
  timeout: { grpc: status.DEADLINE_EXCEEDED, http: 504 },
  state_corrupt: { grpc: status.DATA_LOSS, http: 500 },
  unsupported: { grpc: status.UNIMPLEMENTED, http: 501 },
  internal: { grpc: status.INTERNAL, http: 500 },
} as const satisfies Readonly<Record<ErrorCode, { readonly grpc: status; readonly http: number }>>;
