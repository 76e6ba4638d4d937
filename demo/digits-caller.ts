import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type Client,
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type requestCallback,
} from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
// Importing the client is what teaches grpc-js the outrigger:// scheme.
import { CHANNEL_OPTIONS } from '../client/index.ts';

const DIGITS = path.join(import.meta.dirname, '../python-sdk-example/examples/digits');

interface Answer {
  readonly digit: number;
  readonly replica: string;
}
type DigitsClient = Client & {
  classify(
    request: { image: { pixels: readonly number[] } },
    options: { deadline: number },
    callback: requestCallback<Answer>,
  ): ClientUnaryCall;
};

export interface CallCount {
  readonly calls: number;
  readonly correct: number;
  readonly failed: number;
  /** How many replicas answered. */
  readonly replicas: number;
}

/** A stock grpc-js client on `outrigger:///demo/digits`: addresses come from discovery, calls go to the containers. */
export class DigitsCaller implements AsyncDisposable {
  readonly #client: DigitsClient;
  readonly #rows: readonly { digit: number; pixels: readonly number[] }[];

  private constructor(client: DigitsClient, rows: readonly { digit: number; pixels: readonly number[] }[]) {
    this.#client = client;
    this.#rows = rows;
  }

  static async open(): Promise<DigitsCaller> {
    const definition = loadPackageDefinition(await load('digits.proto', { includeDirs: [DIGITS], defaults: true }));
    // biome-ignore lint/suspicious/noExplicitAny: proto-loader's dynamic packages have no types of their own
    const { Digits } = (definition as any).outrigger.examples.digits.v1;
    const client: DigitsClient = new Digits('outrigger:///demo/digits', credentials.createInsecure(), CHANNEL_OPTIONS);
    const csv = await readFile(path.join(DIGITS, 'held_out.csv'), 'utf8');
    const rows = csv
      .trim()
      .split('\n')
      .map(line => {
        const [digit = -1, ...pixels] = line.split(',').map(Number);
        return { digit, pixels };
      });
    return new DigitsCaller(client, rows);
  }

  /** Classifies that many held-out images, one after the other. */
  async classify(calls: number): Promise<CallCount> {
    const count = { calls: 0, correct: 0, failed: 0, replicas: 0 };
    const replicas = new Set<string>();
    while (count.calls < calls) {
      const row = this.#rows[count.calls % this.#rows.length];
      if (!row) throw new Error('there are no held-out images');
      count.calls += 1;
      try {
        const answer = await this.#call(row.pixels);
        replicas.add(answer.replica);
        if (answer.digit === row.digit) count.correct += 1;
      } catch (error) {
        console.error(`   a call failed: ${(error as Error).message}`);
        count.failed += 1;
      }
    }
    return { ...count, replicas: replicas.size };
  }

  /**
   * Calls without a pause until stop() is asked for the count, or until the block that holds it is left: calls on a closed
   * client fail at once, and would never let anything else of this process have its turn.
   */
  keepCalling(): AsyncDisposable & { stop(): Promise<{ calls: number; failed: number }> } {
    const total = { calls: 0, failed: 0 };
    let stopped = false;
    const going = (async () => {
      while (!stopped) {
        const { calls, failed } = await this.classify(10);
        total.calls += calls;
        total.failed += failed;
      }
    })();
    const stop = async () => {
      stopped = true;
      await going;
      return total;
    };
    return {
      stop,
      async [Symbol.asyncDispose]() {
        await stop();
      },
    };
  }

  #call(pixels: readonly number[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#client.classify({ image: { pixels } }, { deadline: Date.now() + CALL_DEADLINE_MS }, (error, answer) => {
        if (error) reject(error);
        else if (answer) resolve(answer);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
  }
}

const CALL_DEADLINE_MS = 10_000;
