import type { ControlPlane } from '../control-plane.ts';
import { OutriggerError } from '../core/errors.ts';
import { type ApiLog, silentLog } from './api-log.ts';
import type { TokenList, Trust } from './auth.ts';
import { ByteBudget } from './byte-budget.ts';
import { GrpcServer } from './grpc-server.ts';
import { httpHandler } from './http-handler.ts';
import { isLoopbackName } from './http-origin.ts';
import { type ApiLimits, DEFAULT_LIMITS } from './limits.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';
import { Listener } from './listener.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { OpenStreams } from './open-streams.ts';
import { Operations } from './operations.ts';

export interface ApiOptions {
  readonly controlPlane: ControlPlane;
  readonly listen: readonly ListenAddress[];
  /** Asked for on every TCP address once given; a unix socket needs none. */
  readonly tokens?: TokenList;
  /** What /metrics shows; others may count into its registry too. */
  readonly metrics?: Metrics;
  readonly log?: ApiLog;
  readonly limits?: Partial<ApiLimits>;
  /** Steady milliseconds. */
  readonly now?: () => number;
}

export interface Api {
  /** Where it listens, as clients write it, in the order asked for. */
  readonly addresses: readonly string[];
  /** Accepts nothing more and ends all streams; requests under way may finish until the signal fires. */
  close(signal: AbortSignal): Promise<void>;
}

/**
 * Serves both protocols on every address. Rejects with `denied` for an address that other machines reach and nobody is
 * asked who they are; with `conflict` or `port_in_use` where somebody listens already. Then it listens nowhere.
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { controlPlane, listen, log = silentLog, now = () => performance.now() } = options;
  const trusts = listen.map(address => trustOf(address, options.tokens));
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const streams = new OpenStreams(limits, now);
  const metrics = options.metrics ?? createMetrics();
  metrics.show({ controlPlane, openStreams: () => streams.size });
  const operations = new Operations(controlPlane, log);
  const budget = new ByteBudget(limits.bodyBytesTogether);
  const grpc = new GrpcServer({ operations, streams, limits, log }, { metrics, budget });
  const listeners = listen.map((address, i) => {
    const trust = trusts[i]!;
    const hosts = address.kind === 'unix' ? null : [address.host, ...(address.names ?? [])].map(h => h.toLowerCase());
    const handler = httpHandler({ operations, trust, hosts, metrics, streams, budget, limits, log });
    return new Listener({ address, handler, grpc: grpc.injector(trust), limits });
  });

  const close = async (signal: AbortSignal) => {
    const closed = listeners.map(listener => listener.close(signal));
    streams.endAll();
    await Promise.all([...closed, grpc.close(signal)]);
  };
  try {
    const addresses: string[] = [];
    for (const listener of listeners) addresses.push(await listener.listen());
    log.info({ addresses }, 'API listens');
    return { addresses, close };
  } catch (error) {
    await close(AbortSignal.abort());
    throw error;
  }
}

/** How clients of an address prove who they are; throws where they would not have to, and could be anyone. */
function trustOf(address: ListenAddress, tokens: TokenList | undefined): Trust {
  if (address.kind === 'unix') return { kind: 'socket' };
  const certificates = address.tls?.clientAuthority !== undefined;
  if (certificates && tokens) return { kind: 'certificate_or_tokens', tokens };
  if (certificates) return { kind: 'certificate' };
  if (tokens && tokens.size > 0) return { kind: 'tokens', tokens };
  if (isLoopbackName(address.host.toLowerCase())) return { kind: 'loopback' };
  throw new OutriggerError(
    'denied',
    `refusing to listen on ${formatListenAddress(address)}: other machines reach it, and nobody would be asked who they are`,
    { next: 'Give tokens or a certificate authority for clients, or listen on 127.0.0.1 or the unix socket.' },
  );
}
