import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { ProbeCheck } from '../../control-plane/core/spec.ts';
import { decodeHealth, encodeHealthRequest, type HealthStatus } from './grpc-health-message.ts';
import { authorityOf, describeSocketError, failed, PASSED, type ProbeAddress, type ProbeResult } from './result.ts';
import { openSocket } from './tcp.ts';

type GrpcCheck = Extract<ProbeCheck, { kind: 'grpc' }>;

/**
 * Asks grpc.health.v1 over one kept HTTP/2 connection. A gRPC channel would wait a second or more after a refused
 * connection, whereas a starting replica is asked every few milliseconds; docs/sidecar.md has what both cost.
 */
export class GrpcProbe {
  readonly #address: ProbeAddress;
  readonly #connections = new Set<Connection>();
  /** The one that the next question goes out on. */
  #current: Connection | null = null;

  constructor(address: ProbeAddress) {
    this.#address = address;
  }

  async ask(check: GrpcCheck, signal: AbortSignal): Promise<ProbeResult> {
    const what = `gRPC health check at ${authorityOf(this.#address)}`;
    const kept = this.#current;
    let connection = kept;
    try {
      connection ??= await this.#connect(signal);
      connection.calls++;
      return judge(check, await this.#call(connection.session, check.service, signal), what);
    } catch (error) {
      if (connection && this.#current === connection) this.#current = null;
      // A server may close an idle connection at any time; only a fresh one tells that it does not answer.
      if (kept && !signal.aborted) return this.ask(check, signal);
      return failed(`${what}: ${describeHttp2Error(error)}`);
    } finally {
      if (connection) {
        connection.calls--;
        this.#sweep(connection);
      }
    }
  }

  close(): void {
    this.#current = null;
    for (const { session } of this.#connections) session.destroy();
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    const socket = await openSocket(this.#address, signal);
    const session = connect(`http://${authorityOf(this.#address)}`, { createConnection: () => socket });
    const connection: Connection = { session, calls: 0 };
    const retire = () => {
      if (this.#current === connection) this.#current = null;
      this.#sweep(connection);
    };
    session.on('error', () => undefined); // each call sees its own
    session.on('goaway', retire);
    session.on('close', () => {
      this.#connections.delete(connection);
      retire();
    });
    this.#connections.add(connection);
    this.#current = connection;
    return connection;
  }

  /** Closes a connection that is no longer current, once nobody waits on it. */
  #sweep(connection: Connection): void {
    if (connection !== this.#current && connection.calls <= 0) connection.session.destroy();
  }

  #call(session: ClientHttp2Session, service: string, signal: AbortSignal): Promise<GrpcAnswer> {
    return new Promise((resolve, reject) => {
      const stream: ClientHttp2Stream = session.request({
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Check',
        'content-type': 'application/grpc',
        te: 'trailers',
        'user-agent': 'outrigger-probe',
      });
      const chunks: Buffer[] = [];
      let receivedBytes = 0;
      let httpStatus = 0;
      let grpcStatus: number | undefined;
      let grpcMessage = '';
      const readStatus = (headers: Record<string, unknown>) => {
        if (headers['grpc-status'] === undefined) return;
        grpcStatus = Number(headers['grpc-status']);
        grpcMessage = decodePercent(String(headers['grpc-message'] ?? ''));
      };
      const end = (error: unknown) => {
        signal.removeEventListener('abort', abort);
        session.removeListener('error', end);
        stream.destroy();
        reject(error);
      };
      const abort = () => end(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      session.once('error', end);
      stream.on('response', headers => {
        httpStatus = Number(headers[':status']);
        readStatus(headers);
      });
      stream.on('data', (chunk: Buffer) => {
        receivedBytes += chunk.length;
        if (receivedBytes > MAX_ANSWER_BYTES) end(new Error('the answer is too long for a health status'));
        else chunks.push(chunk);
      });
      stream.on('trailers', readStatus);
      stream.on('error', end);
      stream.on('close', () => {
        signal.removeEventListener('abort', abort);
        session.removeListener('error', end);
        if (httpStatus === 0) reject(new Error('the connection was closed without an answer'));
        else resolve({ httpStatus, grpcStatus, grpcMessage, health: decodeHealth(Buffer.concat(chunks)) });
      });
      stream.end(encodeHealthRequest(service));
    });
  }
}

interface Connection {
  readonly session: ClientHttp2Session;
  /** Questions that wait for their answer on it. */
  calls: number;
}

const MAX_ANSWER_BYTES = 64 * 1024;

interface GrpcAnswer {
  readonly httpStatus: number;
  readonly grpcStatus: number | undefined;
  readonly grpcMessage: string;
  readonly health: HealthStatus | undefined;
}

function judge(check: GrpcCheck, answer: GrpcAnswer, what: string): ProbeResult {
  if (answer.grpcStatus === undefined) {
    return failed(`${what}: HTTP status ${answer.httpStatus} without a gRPC status; is this a gRPC server?`);
  }
  switch (answer.grpcStatus) {
    case 0:
      if (answer.health === 'SERVING') return PASSED;
      return failed(`${what}: ${answer.health ?? 'an answer that is no health status'}, expected SERVING`);
    case 5:
      // The server has a health service that was never told of the server as a whole.
      if (check.service === '' && check.expect === 'answer') return PASSED;
      return failed(`${what}: the health service does not know ${JSON.stringify(check.service)}`);
    case 12:
      if (check.expect === 'answer') return PASSED;
      return failed(
        `${what}: the server has no grpc.health.v1 service; add one, or probe with {grpc: {expect: answer}} or {tcp: {}}`,
      );
    default:
      return failed(`${what}: gRPC status ${answer.grpcStatus}${answer.grpcMessage && ` (${answer.grpcMessage})`}`);
  }
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function describeHttp2Error(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'ERR_HTTP2_ERROR') return 'the answer is not HTTP/2; is the protocol really grpc?';
  return describeSocketError(error);
}
