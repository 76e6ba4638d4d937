import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { WatchRequest } from '../proto/generated/outrigger/v1/WatchRequest.ts';
import { loadContract } from '../proto/load.ts';
import { type ControlAddress, formatControlAddress } from './control-address.ts';
import type { Credentials } from './credentials.ts';
import { patientTimeout } from './patient-timeout.ts';
import type { ServiceRef } from './service-ref.ts';
import { type Snapshot, snapshotOf } from './snapshot.ts';

export interface DiscoveryStreamOptions {
  readonly address: ControlAddress;
  readonly credentials: Credentials;
  readonly subscription: Subscription;
  readonly onSnapshot: (snapshot: Snapshot) => void;
  /** Called once, in words; never after `close`. */
  readonly onEnd: (end: WatchEnd) => void;
}

export interface Subscription extends ServiceRef {
  /** The same whenever this client watches this service again. */
  readonly clientId: string;
  /** Ids of the replicas that it may still call. */
  readonly replicasInUse: readonly string[];
}

export interface WatchEnd {
  /** `ended`: a control plane said so itself, in `problem`. `failed`: there was none, or it went away. */
  readonly kind: 'ended' | 'failed';
  readonly problem: string;
}

/**
 * One `Discovery.Watch` call on an HTTP/2 connection of its own. A gRPC channel would keep the process alive for as long
 * as the call is open; this connection does not, so that a program which forgot to close its client still ends.
 */
export class DiscoveryStream {
  readonly #options: DiscoveryStreamOptions;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #keepalive: NodeJS.Timeout;
  readonly #cancelConnectDeadline: () => void;
  #received: Buffer = Buffer.alloc(0);
  #grpcStatus = '';
  #ended = false;

  constructor(options: DiscoveryStreamOptions) {
    this.#options = options;
    const { address, credentials } = options;
    this.#session = openSession(address, credentials);
    this.#session.on('error', error => this.#end(error.message));
    this.#session.on('goaway', () => this.#end('the control plane is shutting down'));
    this.#session.on('close', () => this.#end('the connection was closed'));
    this.#session.unref();
    this.#cancelConnectDeadline = patientTimeout(CONNECT_MS, () => this.#end(`no answer within ${CONNECT_MS} ms`));
    this.#keepalive = setInterval(() => this.#ping(), PING_EVERY_MS).unref();
    this.#stream = this.#session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: WATCH.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'outrigger-client',
      ...(credentials.token && { authorization: `Bearer ${credentials.token}` }),
    });
    this.#stream.on('response', headers => this.#readStatus(headers));
    this.#stream.on('trailers', trailers => this.#readStatus(trailers));
    this.#stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#stream.on('error', error => this.#end(error.message));
    // Our own side of the stream is still open, so that "close" would not come.
    this.#stream.on('end', () => this.#end('the watch was ended'));
    this.#stream.on('close', () => this.#end('the watch was ended'));
    const { subscription } = options;
    this.#send({ subscribe: { ...subscription, replicasInUse: [...subscription.replicasInUse] } });
  }

  /** Tells that nobody here calls a replica any more that this version lacks. */
  acknowledge(version: number): void {
    if (!this.#ended && version >= 0) this.#send({ acknowledgedVersion: version });
  }

  /** Tells that nobody here calls any replica any more. */
  close(): void {
    if (this.#ended) return;
    this.#send({ closing: true });
    this.#stop();
    this.#stream.end();
    this.#session.close();
    // Nobody waits for a control plane that does not take it.
    patientTimeout(CLOSE_MS, () => this.#session.destroy());
  }

  #stop(): void {
    this.#ended = true;
    this.#cancelConnectDeadline();
    clearInterval(this.#keepalive);
  }

  #end(problem: string): void {
    if (this.#ended) return;
    this.#stop();
    this.#session.destroy();
    if (this.#grpcStatus !== '') this.#options.onEnd({ kind: 'ended', problem: this.#grpcStatus });
    else this.#options.onEnd({ kind: 'failed', problem: problem === '' ? 'the connection failed' : problem });
  }

  #send(message: WatchRequest): void {
    const body = WATCH.requestSerialize(message);
    const frame = Buffer.alloc(5 + body.length);
    frame.writeUInt32BE(body.length, 1);
    body.copy(frame, 5);
    this.#stream.write(frame);
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (!this.#ended && this.#received.length >= 5) {
      const length = this.#received.readUInt32BE(1);
      const plausible = this.#received[0] === 0 && length <= MAX_SNAPSHOT_BYTES;
      if (!plausible) this.#end('the answer is not a snapshot');
      if (!plausible || this.#received.length < 5 + length) return;
      const body = this.#received.subarray(5, 5 + length);
      this.#received = this.#received.subarray(5 + length);
      this.#cancelConnectDeadline();
      const snapshot = parsed(body);
      if (snapshot) this.#options.onSnapshot(snapshot);
      else this.#end('the answer is not a snapshot');
    }
  }

  #readStatus(headers: Record<string, unknown>): void {
    const code = headers['grpc-status'];
    if (code === undefined) {
      const httpStatus = headers[':status'];
      if (httpStatus !== undefined && httpStatus !== 200) this.#grpcStatus = `HTTP status ${httpStatus}`;
      return;
    }
    const message = decodePercent(String(headers['grpc-message'] ?? ''));
    this.#grpcStatus = message === '' ? `gRPC status ${code}` : message;
  }

  #ping(): void {
    const answered = patientTimeout(PING_ANSWER_MS, () => this.#end('it no longer answers'));
    try {
      this.#session.ping(answered);
    } catch {
      answered(); // closing; `close` tells
    }
  }
}

const WATCH = loadContract().outrigger.v1.Discovery.service.Watch;
const CONNECT_MS = 5_000;
const CLOSE_MS = 1_000;
const PING_EVERY_MS = 10_000;
const PING_ANSWER_MS = 5_000;
const MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024;

function openSession(address: ControlAddress, credentials: Credentials): ClientHttp2Session {
  if (address.kind === 'unix') {
    return connect('http://localhost', { createConnection: () => connectSocket(address.path) });
  }
  return connect(formatControlAddress(address), {
    ...(credentials.ca && { ca: credentials.ca }),
    ...(credentials.certificate && { cert: credentials.certificate }),
    ...(credentials.key && { key: credentials.key }),
  });
}

function parsed(body: Buffer): Snapshot | null {
  try {
    return snapshotOf(WATCH.responseDeserialize(body));
  } catch {
    return null;
  }
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
