import http from 'node:http';
import net from 'node:net';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { loadContract } from '../../proto/load.ts';

/** Real servers that behave, hang, refuse and lie, each on a port of its own on loopback. */
export interface RunningServer {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
  close(): Promise<void>;
}

export type HealthBehaviour =
  | { readonly kind: 'status'; readonly status: 'SERVING' | 'NOT_SERVING' }
  | { readonly kind: 'error'; readonly code: number }
  | { readonly kind: 'hang' };

export interface HealthServer {
  readonly port: number;
  readonly asked: readonly string[];
  behave(behaviour: HealthBehaviour): void;
  close(): Promise<void>;
}

/** A grpc-js server with the standard health service. */
export async function healthServer(
  options: { port?: number; behaviour?: HealthBehaviour; withHealth?: boolean } = {},
): Promise<HealthServer> {
  let behaviour = options.behaviour ?? { kind: 'status', status: 'SERVING' };
  const asked: string[] = [];
  const server = new Server();
  if (options.withHealth !== false) {
    server.addService(loadContract().grpc.health.v1.Health.service, {
      check: (
        call: { request: { service: string } },
        callback: (error: { code: number; details: string } | null, value?: { status: string }) => void,
      ) => {
        asked.push(call.request.service);
        if (behaviour.kind === 'status') callback(null, { status: behaviour.status });
        else if (behaviour.kind === 'error') callback({ code: behaviour.code, details: 'as the test wants it' });
      },
      watch: (call: { emit(name: string, error: unknown): void }) => call.emit('error', { code: status.UNIMPLEMENTED }),
    });
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    port,
    asked,
    behave: next => {
      behaviour = next;
    },
    close: async () => server.forceShutdown(),
  };
}

export interface OrcaServer {
  readonly port: number;
  /** Reports that are being streamed now. */
  readonly streams: () => number;
  /** Sends one report with these named metrics to all. */
  tell(metrics: Readonly<Record<string, number>>): void;
  endStreams(): void;
  close(): Promise<void>;
}

/** A gRPC server without a health service that streams load reports (OrcaLoadReport, named_metrics = 8) as told. */
export async function orcaServer(): Promise<OrcaServer> {
  const streams = new Set<{ write(bytes: Buffer): void; end(): void }>();
  const same = (bytes: Buffer) => bytes;
  const server = new Server();
  server.addService(
    {
      StreamCoreMetrics: {
        path: '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics',
        requestStream: false,
        responseStream: true,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    {
      StreamCoreMetrics: (call: { write(bytes: Buffer): void; end(): void; on(e: string, f: () => void): void }) => {
        streams.add(call);
        for (const event of ['cancelled', 'close']) call.on(event, () => streams.delete(call));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    port,
    streams: () => streams.size,
    tell: metrics => {
      const report = Buffer.concat(Object.entries(metrics).map(([name, value]) => namedMetric(name, value)));
      for (const stream of streams) stream.write(report);
    },
    endStreams: () => {
      for (const stream of streams) stream.end();
      streams.clear();
    },
    close: async () => server.forceShutdown(),
  };
}

function namedMetric(name: string, value: number): Buffer {
  const double = Buffer.alloc(8);
  double.writeDoubleLE(value);
  const entry = Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name), Buffer.from([0x11]), double]);
  return Buffer.concat([Buffer.from([0x42, entry.length]), entry]);
}

export async function httpServer(handler: http.RequestListener, port = 0): Promise<RunningServer> {
  return listening(http.createServer(handler), port);
}

/** Accepts, and leaves the rest to the test; by default it never says a word. */
export async function tcpServer(onConnection: (socket: net.Socket) => void = () => undefined, port = 0) {
  return listening(net.createServer(onConnection), port);
}

/** A port on which nobody listens at present. */
export async function freePort(): Promise<number> {
  const server = await tcpServer();
  await server.close();
  return server.port;
}

async function listening(server: net.Server, port: number): Promise<RunningServer> {
  const sockets = new Set<net.Socket>();
  let accepted = 0;
  server.on('connection', (socket: net.Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    accepted: () => accepted,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
