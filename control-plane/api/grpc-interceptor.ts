import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { ApiLog } from './api-log.ts';
import { authenticate, type Caller, certificateName, type Trust } from './auth.ts';
import { grpcError } from './grpc-error.ts';
import type { Metrics } from './metrics.ts';
import { outwardError } from './outward-error.ts';

/**
 * Stands before every call of one listener: finds out who calls, and counts what was answered. The caller travels to the
 * handler in the call's metadata, where a client cannot have put it.
 */
export function grpcInterceptor(options: { trust: Trust; metrics: Metrics; log: ApiLog }): ServerInterceptor {
  const { trust, metrics, log } = options;
  return (method, inner) => {
    const startedAt = performance.now();
    const stream = method.requestStream || method.responseStream;
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
              inner.sendStatus(grpcError(outwardError(error, log, method.path)));
            }
          },
        });
      },
      sendStatus: (sent, next) => {
        const own = sent.metadata?.get('outrigger-code')[0];
        const code =
          sent.code === status.OK ? 'ok' : String(own ?? `grpc_${status[sent.code ?? status.UNKNOWN]}`.toLowerCase());
        const seconds = stream ? -1 : (performance.now() - startedAt) / 1_000;
        metrics.answered({ protocol: 'grpc', route: method.path, code, seconds });
        next(sent);
      },
    });
  };
}

/** The caller that the interceptor found. */
export function callerOf(metadata: Metadata): Caller {
  return JSON.parse(String(metadata.get(CALLER)[0])) as Caller;
}

const CALLER = 'outrigger-caller-bin';
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
