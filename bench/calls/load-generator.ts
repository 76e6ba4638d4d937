/**
 * One side's caller, in a process of its own: a stock grpc-js client, told by its parent what to call and how. Messages
 * are bytes and are not decoded, so that as much as possible of what is measured is the way to the server.
 */
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
// Importing the client teaches grpc-js the outrigger:// scheme; on other targets it takes no part.
import { CHANNEL_OPTIONS } from '../../client/index.ts';
import { quantile } from '../statistics.ts';
import type { FromGenerator, Measured, ToGenerator, Workload } from './workload.ts';

let client: Client | null = null;

process.on('message', (message: ToGenerator) => {
  perform(message).then(answer, error => answer({ kind: 'failed', message: (error as Error).message }));
});
// A parent that is gone wants nothing any more.
process.on('disconnect', () => process.exit());

function answer(message: FromGenerator): void {
  process.send?.(message);
}

async function perform(message: ToGenerator): Promise<FromGenerator> {
  switch (message.kind) {
    case 'open': {
      client?.close();
      client = new Client(message.target, credentials.createInsecure(), CHANNEL_OPTIONS);
      await unary(client, Buffer.alloc(16));
      return { kind: 'opened' };
    }
    case 'run':
      if (!client) throw new Error('a target has to be opened first');
      return { kind: 'measured', measured: await run(client, message.workload) };
    default:
      return message satisfies never;
  }
}

async function run(target: Client, workload: Workload): Promise<Measured> {
  switch (workload.kind) {
    case 'unary': {
      const payload = Buffer.alloc(workload.payloadBytes, 7);
      const looped = await closedLoop(workload, () => unary(target, payload));
      return measured(looped, looped.times.length / looped.seconds);
    }
    case 'large': {
      const payload = Buffer.alloc(workload.payloadBytes, 7);
      const once = { inFlight: 1, durationMs: 0, atLeast: workload.calls };
      const looped = await closedLoop(once, () => unary(target, payload));
      return measured(looped, (looped.times.length * payload.length) / looped.seconds);
    }
    case 'stream': {
      const { messages, messageBytes, durationMs } = workload;
      const looped = await closedLoop({ inFlight: 1, durationMs }, () => stream(target, messages, messageBytes));
      return measured(looped, (looped.times.length * messages) / looped.seconds);
    }
    default:
      return workload satisfies never;
  }
}

/** Calls again and again, always `inFlight` at once, until the time is over; resolves to each call's milliseconds. */
async function closedLoop(
  { inFlight, durationMs, atLeast = 1 }: { inFlight: number; durationMs: number; atLeast?: number },
  call: () => Promise<void>,
): Promise<Looped> {
  const times: number[] = [];
  const start = performance.now();
  const cpuBefore = process.cpuUsage();
  const caller = async () => {
    while (times.length < atLeast || performance.now() - start < durationMs) {
      const before = performance.now();
      await call();
      times.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { times, seconds, cpuMs: (user + system) / 1_000 };
}

interface Looped {
  readonly times: readonly number[];
  readonly seconds: number;
  readonly cpuMs: number;
}

function measured({ times, cpuMs }: Looped, perSecond: number): Measured {
  const sorted = Float64Array.from(times).sort();
  const calls = times.length;
  return { perSecond, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), cpuMs: cpuMs / calls, calls };
}

const CALL_DEADLINE_MS = 60_000;
const asIs = (bytes: Buffer) => bytes;

function unary(target: Client, payload: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + CALL_DEADLINE_MS };
    target.makeUnaryRequest('/bench.Echo/Unary', asIs, asIs, payload, options, (error, echo) => {
      if (error) reject(error);
      else if (echo?.length !== payload.length) reject(new Error(`sent ${payload.length} bytes, got ${echo?.length}`));
      else resolve();
    });
  });
}

function stream(target: Client, messages: number, messageBytes: number): Promise<void> {
  const request = Buffer.alloc(8);
  request.writeUInt32BE(messages, 0);
  request.writeUInt32BE(messageBytes, 4);
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + CALL_DEADLINE_MS };
    const call = target.makeServerStreamRequest('/bench.Echo/Stream', asIs, asIs, request, options);
    let received = 0;
    call.on('data', () => {
      received += 1;
    });
    call.on('error', (error: ServiceError) => reject(error));
    call.on('end', () => {
      if (received === messages) resolve();
      else reject(new Error(`expected ${messages} messages, got ${received}`));
    });
  });
}
