import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { ApiLog } from './api-log.ts';
import { authenticate, type Caller, certificateName, type Trust } from './auth.ts';
import type { ByteBudget } from './byte-budget.ts';
import { grpcError } from './grpc-error.ts';
import { forgetBytes } from './inner-stream.ts';
import type { ApiLimits } from './limits.ts';
import { MessageArrival } from './message-arrival.ts';
import type { Metrics } from './metrics.ts';
import { outwardError } from './outward-error.ts';

/**
 * Stands before every call of one listener: finds out who calls, and counts what was answered. The caller travels to the
 * handler in the call's metadata, where a client cannot have put it.
 */
export function grpcInterceptor(options: {
  trust: Trust;
  metrics: Metrics;
  limits: ApiLimits;
  budget: ByteBudget;
  log: ApiLog;
}): ServerInterceptor {
  const { trust, metrics, limits, budget, log } = options;
  return (method, inner) => {
    const startedAt = performance.now();
    const stream = method.requestStream || method.responseStream;
    const arrival = new MessageArrival(inner, {
      budget,
      maxBytes: method.path === APPLY ? limits.bodyBytes : SMALL_MESSAGE_BYTES,
      timeoutMs: method.requestStream ? null : limits.requestTimeoutMs,
    });
    return new ServerInterceptingCall(inner, {
      start: next => {
        next({
          onReceiveMetadata: (metadata, proceed) => {
            try {
              const caller = method.path.startsWith(OPEN)
                ? ANYONE
                : callerFrom(trust, metadata, inner.getAuthContext());
              metadata.set(CALLER, Buffer.from(JSON.stringify(caller)));
              proceed(metadata);
            } catch (error) {
              const refusal = grpcError(outwardError(error, log, method.path));
              metrics.answered({ protocol: 'grpc', route: method.path, code: codeOf(refusal), seconds: -1 });
              inner.sendStatus(refusal);
            }
          },
          onReceiveMessage: (message, proceed) => {
            arrival.arrived();
            forgetBytes(inner);
            proceed(message);
          },
          onReceiveHalfClose: proceed => {
            arrival.end();
            proceed();
          },
          onCancel: () => arrival.end(),
        });
      },
      sendStatus: (sent, next) => {
        const seconds = stream ? -1 : (performance.now() - startedAt) / 1_000;
        metrics.answered({ protocol: 'grpc', route: method.path, code: codeOf(sent), seconds });
        next(sent);
      },
    });
  };
}

function codeOf(sent: { code?: status | null | undefined; metadata?: Metadata | null | undefined }): string {
  if (sent.code === status.OK) return 'ok';
  const own = sent.metadata?.get('outrigger-code')[0];
  return String(own ?? `grpc_${status[sent.code ?? status.UNKNOWN]}`.toLowerCase());
}

/** The caller that the interceptor found. */
export function callerOf(metadata: Metadata): Caller {
  return JSON.parse(String(metadata.get(CALLER)[0])) as Caller;
}

const CALLER = 'outrigger-caller-bin';
const APPLY = '/outrigger.v1.Control/Apply';
/** Every message but Apply's is a few names and numbers. */
const SMALL_MESSAGE_BYTES = 256 * 1024;
/** Health is asked by probes, which have no token. */
const OPEN = '/grpc.health.v1.Health/';
const ANYONE: Caller = { identity: 'anyone', by: 'loopback' };

function callerFrom(
  trust: Trust,
  metadata: Metadata,
  context: { sslPeerCertificate?: Parameters<typeof certificateName>[0] },
): Caller {
  const authorization = metadata.get('authorization')[0];
  return authenticate(trust, {
    authorization: typeof authorization === 'string' ? authorization : undefined,
    certificateName: certificateName(context.sslPeerCertificate),
  });
}
