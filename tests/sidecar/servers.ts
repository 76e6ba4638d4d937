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
