import type { RequestListener, Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionInjector } from '@grpc/grpc-js';
import { OutriggerError } from '../core/errors.ts';
import { http } from '../node-http.ts';
import type { ApiLimits } from './limits.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';
import { switchByFirstBytes } from './protocol-switch.ts';
import { listenOnSocket } from './unix-socket.ts';

/**
 * One address that speaks both protocols. Node's HTTP server does the listening (so that its own timeouts and bounds
 * hold), but gets only the connections that are HTTP/1; those of HTTP/2 go to gRPC.
 */
export class Listener {
  readonly #server: Server;
  readonly #address: ListenAddress;
  readonly #sockets = new Set<Socket>();
  /** Those that have not shown yet which protocol they speak. */
  readonly #undecided = new Set<Socket>();

  constructor(options: {
    address: ListenAddress;
    handler: RequestListener;
    grpc: ConnectionInjector;
    limits: ApiLimits;
  }) {
    const { address, handler, grpc, limits } = options;
    this.#address = address;
    this.#server = httpServer(address, limits);
    this.#server.maxConnections = limits.connections;
    this.#server.maxHeadersCount = 100;
    this.#server.on('request', handler);
    this.#server.on('clientError', refuseMalformed);
    const secure = address.kind === 'tcp' && address.tls !== undefined;
    const event = secure ? 'secureConnection' : 'connection';
    // What Node would do with every connection is kept, and done with those of HTTP/1 only.
    const serveHttp1 = this.#server.listeners(event) as ((socket: Socket) => void)[];
    this.#server.removeAllListeners(event);
    const sides = {
      http1: (socket: Socket) => {
        this.#undecided.delete(socket);
        for (const serve of serveHttp1) serve.call(this.#server, socket);
      },
      http2: (socket: Socket) => {
        this.#undecided.delete(socket);
        // Node's HTTP server accepts with half-open sockets; a gRPC client that closes its side is gone.
        socket.allowHalfOpen = false;
        socket.on('error', () => socket.destroy());
        grpc.injectConnection(socket);
      },
    };
    this.#server.on(event, (socket: Socket) => {
      this.#sockets.add(socket);
      this.#undecided.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#undecided.delete(socket);
      });
      if (!secure) switchByFirstBytes(socket, sides, limits.prefaceTimeoutMs);
      else if ((socket as TLSSocket).alpnProtocol === 'h2') sides.http2(socket);
      else sides.http1(socket);
    });
  }

  /** Starts to listen; resolves to the address as clients write it, with the port that the system chose. */
  async listen(): Promise<string> {
    if (this.#address.kind === 'unix') {
      await listenOnSocket(this.#server, this.#address.path);
      return formatListenAddress(this.#address);
    }
    const { host, port } = this.#address;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen({ host, port, backlog: 1_024 }, resolve);
    try {
      await promise;
    } catch (error) {
      throw cannotListen(this.#address, error as NodeJS.ErrnoException);
    } finally {
      this.#server.removeListener('error', reject);
    }
    return formatListenAddress({ ...this.#address, port: (this.#server.address() as AddressInfo).port });
  }

  /** Accepts nothing more; requests under way may finish until the signal fires, then everything is closed. */
  async close(signal: AbortSignal): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    for (const socket of this.#undecided) socket.destroy();
    const cut = () => {
      for (const socket of this.#sockets) socket.destroy();
    };
    if (signal.aborted) cut();
    signal.addEventListener('abort', cut, { once: true });
    await closed;
    signal.removeEventListener('abort', cut);
  }
}

function httpServer(address: ListenAddress, limits: ApiLimits): Server {
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 60_000,
    connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs),
    keepAlive: true,
    noDelay: true,
  };
  if (address.kind === 'unix' || !address.tls) return http.createServer(options);
  const { certificate, key, clientAuthority } = address.tls;
  return createSecureServer({
    ...options,
    cert: certificate,
    key,
    minVersion: 'TLSv1.2',
    // gRPC clients offer h2 alone; what offers HTTP/1.1 too (curl, undici, browsers) wants the HTTP API.
    ALPNCallback: ({ protocols }) => ['http/1.1', 'h2'].find(wanted => protocols.includes(wanted)),
    handshakeTimeout: limits.prefaceTimeoutMs,
    ...(clientAuthority === undefined ? {} : { ca: clientAuthority, requestCert: true, rejectUnauthorized: false }),
  });
}

/** What is not HTTP at all gets one line in HTTP, and no more. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: NodeJS.WritableStream & Partial<Socket>): void {
  if (error.code === 'ECONNRESET' || !socket.writable || (socket.bytesWritten ?? 0) > 0) {
    socket.destroy?.();
    return;
  }
  const [status, message] = MALFORMED[error.code ?? ''] ?? ['400 Bad Request', 'this is not an HTTP request'];
  const code = status.startsWith('408') ? 'timeout' : 'invalid_argument';
  const body = JSON.stringify({ error: { code, message } });
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy?.(),
  );
}

const MALFORMED: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are larger than what is taken'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 'the chunk extensions are larger than what is taken'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request was not complete in time'],
};

function cannotListen(address: ListenAddress, error: NodeJS.ErrnoException): OutriggerError {
  const where = formatListenAddress(address);
  if (error.code === 'EADDRINUSE') {
    return new OutriggerError('port_in_use', `another process listens on ${where} already`, {
      next: 'Choose another port (--listen), or stop that process.',
      cause: error,
    });
  }
  return new OutriggerError('denied', `cannot listen on ${where}: ${error.message}`, {
    next: 'Choose an address and port that this machine has and you may use.',
    cause: error,
  });
}
