/** Everything that a client could make grow or last has its bound here. */
export interface ApiLimits {
  /** From accepting a connection until it is clear which protocol it speaks (TLS handshake included). */
  readonly prefaceTimeoutMs: number;
  /** From the first byte of an HTTP request until its headers are complete. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request until its body is complete, in both protocols. */
  readonly requestTimeoutMs: number;
  /** From a complete request until its answer; streams have none. */
  readonly answerTimeoutMs: number;
  readonly headerBytes: number;
  /** One request body or message. */
  readonly bodyBytes: number;
  /** Bodies and messages of all requests together while they are being received. */
  readonly bodyBytesTogether: number;
  /** Each level is three of protobuf, of which the decoder takes a hundred. */
  readonly jsonDepth: number;
  /** Values of a JSON body; empty ones cost a hundred times their text in memory. */
  readonly jsonValues: number;
  readonly connections: number;
  /** Streams (watches, events, logs) of both protocols together. */
  readonly openStreams: number;
  /** Streams within one HTTP/2 connection. */
  readonly streamsPerConnection: number;
  /** A stream whose client takes nothing for this long is cut. */
  readonly stallTimeoutMs: number;
  /** Events that wait for a slow client before it is cut; it resumes where it was. */
  readonly queuedEvents: number;
  /** A comment on an idle event stream, so that dead clients and idle-closing proxies show. */
  readonly heartbeatMs: number;
}

export const DEFAULT_LIMITS: ApiLimits = {
  prefaceTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  answerTimeoutMs: 60_000,
  headerBytes: 16 * 1024,
  bodyBytes: 16 * 1024 * 1024,
  bodyBytesTogether: 64 * 1024 * 1024,
  jsonDepth: 32,
  jsonValues: 250_000,
  connections: 12_000,
  openStreams: 20_000,
  streamsPerConnection: 2_000,
  stallTimeoutMs: 60_000,
  queuedEvents: 1_000,
  heartbeatMs: 15_000,
};
