/**
 * A caller in a process of its own: stock grpc-js clients, told by its parent what to call and how. Messages
 * are bytes and are not decoded, so that as much as possible of what is measured is the way to the server.
 */
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
// Importing the client teaches grpc-js the outrigger:// scheme; on other targets it takes no part.
import { CHANNEL_OPTIONS } from '../../client/index.ts';
import { quantile } from '../statistics.ts';
import type { FromGenerator, Measured, ToGenerator, Workload } from './workload.ts';

const clients = new Map<string, Client>();

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
      const client = new Client(message.target, credentials.createInsecure(), CHANNEL_OPTIONS);
      clients.set(message.target, client);
      await unary(client, Buffer.alloc(16));
      return { kind: 'opened' };
    }
    case 'run': {
      const client = clients.get(message.target);
      if (!client) throw new Error(`${message.target} has to be opened first`);
      return { kind: 'measured', measured: await run(client, message.workload) };
    }
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
      const payload = largePayload(workload.payloadBytes);
      globalThis.gc?.();
      const once = await closedLoop({ inFlight: 1, durationMs: 0 }, () => unary(target, payload));
      return measured(once, payload.length / once.seconds);
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
  { inFlight, durationMs }: { inFlight: number; durationMs: number },
  call: () => Promise<void>,
): Promise<Looped> {
  const times: number[] = [];
  const start = performance.now();
  const cpuBefore = process.cpuUsage();
  const caller = async () => {
    while (times.length === 0 || performance.now() - start < durationMs) {
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

/** The same for all calls: to make one is a tenth of what a call takes, and leaves as much garbage. */
const payloads = new Map<number, Buffer>();

function largePayload(lengthBytes: number): Buffer {
  const payload = payloads.get(lengthBytes) ?? Buffer.alloc(lengthBytes, 7);
  payloads.set(lengthBytes, payload);
  return payload;
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
