import {
  type ConnectionInjector,
  experimental,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { loadContract } from '../../proto/load.ts';
import type { Trust } from './auth.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { GrpcContext } from './grpc-adapters.ts';
import { controlHandlers, refusedApply } from './grpc-control.ts';
import { discoveryHandlers } from './grpc-discovery.ts';
import { healthHandlers } from './grpc-health.ts';
import { grpcInterceptor } from './grpc-interceptor.ts';
import { kept } from './kept.ts';
import type { ApiLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { structShapeProblem } from './struct-shape.ts';

/** The gRPC side of the API. It listens nowhere: connections are handed to it by listeners, each with its own trust. */
export class GrpcServer {
  readonly #server: Server;
  readonly #context: GrpcContext;
  readonly #metrics: Metrics;
  readonly #budget: ByteBudget;

  constructor(context: GrpcContext, { metrics, budget }: { metrics: Metrics; budget: ByteBudget }) {
    this.#context = context;
    this.#metrics = metrics;
    this.#budget = budget;
    const { limits } = context;
    this.#server = new Server({
      'grpc.max_receive_message_length': limits.bodyBytes,
      'grpc.max_concurrent_streams': limits.streamsPerConnection,
      // Finds clients whose machine or network is gone; their watches would hold up withdrawals.
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      // Introspection that nobody serves, at a cost for each call.
      'grpc.enable_channelz': 0,
      // Megabytes; grpc-js sets no bound of its own. Streams of one connection share it.
      'grpc-node.max_session_memory': 64,
    });
    const { outrigger, grpc } = loadContract();
    const control = outrigger.v1.Control.service;
    const discovery = outrigger.v1.Discovery.service;
    this.#server.addService(
      sharing(checkingShape(control, limits), ['WatchServices', 'ListServices', 'GetService']),
      controlHandlers(context),
    );
    this.#server.addService(sharing(discovery, ['Watch', 'Resolve']), discoveryHandlers(context));
    const named = [control, discovery].map(nameOf);
    this.#server.addService(grpc.health.v1.Health.service, healthHandlers(context, named));
  }

  /** Takes connections whose clients are trusted in this way. */
  injector(trust: Trust): ConnectionInjector {
    const { limits, log } = this.#context;
    const interceptor = grpcInterceptor({ trust, metrics: this.#metrics, budget: this.#budget, limits, log });
    const plain = ServerCredentials.createInsecure();
    return this.#server.createConnectionInjector(
      experimental.createServerCredentialsWithInterceptors(plain, [interceptor]),
    );
  }

  /** Takes no more calls; those under way may finish until the signal fires. Streams have to be ended first. */
  async close(signal: AbortSignal): Promise<void> {
    const finished = new Promise<void>(resolve => this.#server.tryShutdown(() => resolve()));
    const force = () => this.#server.forceShutdown();
    if (signal.aborted) force();
    else signal.addEventListener('abort', force, { once: true });
    await finished;
    signal.removeEventListener('abort', force);
  }
}

/** Looks at the raw bytes of Apply before anything is made of them. */
function checkingShape<D extends ServiceDefinition>(definition: D, limits: ApiLimits): D {
  const apply = definition['Apply']!;
  const requestDeserialize = (bytes: Buffer) => {
    const problem = structShapeProblem(bytes, { depth: limits.jsonDepth, values: limits.jsonValues });
    return problem === null ? apply.requestDeserialize(bytes) : refusedApply(problem);
  };
  return { ...definition, Apply: { ...apply, requestDeserialize } };
}

/** The same message goes to thousands of watchers and callers: it is serialized once, and they share the bytes. */
function sharing<D extends ServiceDefinition>(definition: D, methods: readonly string[]): D {
  const entries = Object.entries(definition).map(([name, method]) => {
    if (!methods.includes(name)) return [name, method];
    const serialized = new WeakMap<object, Buffer>();
    const responseSerialize = (message: object) => kept(serialized, message, () => method.responseSerialize(message));
    return [name, { ...method, responseSerialize }];
  });
  return Object.fromEntries(entries) as D;
}

function nameOf(definition: ServiceDefinition): string {
  const path = Object.values(definition)[0]?.path ?? '';
  return path.split('/')[1] ?? '';
}
