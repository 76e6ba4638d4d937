/** What a load generator is asked to do, and what it answers; both cross a process boundary as plain objects. */
export type Workload =
  /** As many small calls as go through in that time, always so many at once. */
  | { readonly kind: 'unary'; readonly inFlight: number; readonly payloadBytes: number; readonly durationMs: number }
  /** One call that echoes that many bytes. The caller's garbage of before is collected before it begins. */
  | { readonly kind: 'large'; readonly payloadBytes: number }
  /** One stream after the other for that time, each of so many messages from the server. */
  | { readonly kind: 'stream'; readonly messageBytes: number; readonly messages: number; readonly durationMs: number };

export interface Measured {
  /** Calls, bytes or messages in a second, as the workload counts. */
  readonly perSecond: number;
  /** The time of a whole call; of a stream that of its first message to its last. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time that the caller's own process took for a call; hardly moved by what else the machine does. */
  readonly cpuMs: number;
  readonly calls: number;
}

export type ToGenerator =
  | { readonly kind: 'open'; readonly target: string }
  /** On a target that is open. */
  | { readonly kind: 'run'; readonly target: string; readonly workload: Workload };

export type FromGenerator =
  | { readonly kind: 'opened' }
  | { readonly kind: 'measured'; readonly measured: Measured }
  | { readonly kind: 'failed'; readonly message: string };
