import type {
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { ApiLog } from './api-log.ts';
import type { Caller } from './auth.ts';
import { CallStream } from './call-stream.ts';
import { grpcError } from './grpc-error.ts';
import { callerOf } from './grpc-interceptor.ts';
import type { ApiLimits } from './limits.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Operations } from './operations.ts';
import { outwardError } from './outward-error.ts';
import { withDeadline } from './with-deadline.ts';

/** What all gRPC handlers work with. */
export interface GrpcContext {
  readonly operations: Operations;
  readonly streams: OpenStreams;
  readonly limits: ApiLimits;
  readonly log: ApiLog;
}

/** An async function as a unary handler: bounded in time, its errors translated. */
export function unary<Q, A>(
  context: GrpcContext,
  answer: (request: Q, caller: Caller) => A | Promise<A>,
): handleUnaryCall<Q, A> {
  return (call, callback) => {
    withDeadline(async () => answer(call.request, callerOf(call.metadata)), context.limits.answerTimeoutMs).then(
      message => callback(null, message),
      error => callback(asStatus(context, error, call.getPath())),
    );
  };
}

/** An async function as a server-streaming handler. The call ends when it says so, or rejects. */
export function streaming<Q, A>(
  context: GrpcContext,
  serve: (request: Q, out: CallStream<A>, end: () => void) => void | Promise<void>,
): handleServerStreamingCall<Q, A> {
  return call => {
    guard(context, call, async () => serve(call.request, new CallStream<A>(call, context.streams), () => call.end()));
  };
}

/** Runs a streaming handler; what it throws becomes the call's status. */
export function guard<Q, A>(
  context: GrpcContext,
  call: ServerWritableStream<Q, A> | ServerDuplexStream<Q, A>,
  serve: () => Promise<void>,
): void {
  serve().catch(error => fail(context, call, error));
}

/** Ends a streaming call with the status of an error. */
export function fail<Q, A>(
  context: GrpcContext,
  call: ServerWritableStream<Q, A> | ServerDuplexStream<Q, A>,
  error: unknown,
): void {
  if (!call.cancelled) call.emit('error', asStatus(context, error, call.getPath()));
}

function asStatus({ log }: GrpcContext, error: unknown, path: string) {
  return grpcError(outwardError(error, log, path));
}
