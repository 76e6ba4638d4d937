import path from 'node:path';
import {
  type ChannelOptions,
  type Client,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type requestCallback,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
// Importing the client is what teaches grpc-js the outrigger:// scheme.
import { CHANNEL_OPTIONS } from '../../client/index.ts';

export const EXAMPLES = path.join(import.meta.dirname, '../../python-sdk-example/examples');
const CALL_DEADLINE_MS = 60_000;

/** A stock grpc-js client of the echo example. Answers say which replica they come from. */
export class EchoClient {
  readonly #client: Stub;

  constructor(target: string, options: ChannelOptions = CHANNEL_OPTIONS) {
    this.#client = stub('echo', 'Echo', target, options);
  }

  async echo({ delayMs = 0, payload = Buffer.alloc(0) } = {}): Promise<{ replica: string; payload: Buffer }> {
    return await unary(this.#client, 'echo', { payload, delayMs });
  }

  /** Reads a whole stream and checks that nothing is missing in it; resolves to the replica that sent it. */
  async stream({ count, intervalMs = 0, sizeBytes = 16 }: { count: number; intervalMs?: number; sizeBytes?: number }) {
    const call = this.#client['stream']?.({ count, sizeBytes, intervalMs }, { deadline: deadline() });
    let next = 0;
    let replica = '';
    for await (const message of call as unknown as ClientReadableStream<{ index: number; replica: string }>) {
      if (message.index !== next) throw new Error(`message ${message.index} came instead of ${next}`);
      next += 1;
      replica = message.replica;
    }
    if (next !== count) throw new Error(`the stream ended after ${next} of ${count} messages`);
    return replica;
  }

  close(): void {
    this.#client.close();
  }
}

/** A stock grpc-js client of the digits example. */
export class DigitsClient {
  readonly #client: Stub;

  constructor(target: string, options: ChannelOptions = CHANNEL_OPTIONS) {
    this.#client = stub('digits', 'Digits', target, options);
  }

  async classify(pixels: readonly number[]): Promise<{ digit: number; replica: string }> {
    return await unary(this.#client, 'classify', { image: { pixels } });
  }

  close(): void {
    this.#client.close();
  }
}

type Stub = Client & Record<string, (request: object, options: object, callback?: requestCallback<unknown>) => unknown>;

function stub(example: string, service: string, target: string, options: ChannelOptions): Stub {
  const definition = loadPackageDefinition(
    loadSync(`${example}.proto`, { includeDirs: [path.join(EXAMPLES, example)], defaults: true }),
  );
  // biome-ignore lint/suspicious/noExplicitAny: proto-loader's dynamic packages have no types of their own
  const Service = (definition as any).outrigger.examples[example].v1[service];
  return new Service(target, credentials.createInsecure(), options);
}

function unary<Answer>(client: Stub, method: string, request: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    client[method]?.(request, { deadline: deadline() }, (error, answer) => {
      if (error) reject(error);
      else resolve(answer as Answer);
    });
  });
}

function deadline(): number {
  return Date.now() + CALL_DEADLINE_MS;
}
