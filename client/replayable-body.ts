import type { Dispatcher } from 'undici';

type Body = Dispatcher.DispatchOptions['body'];

/** What is remembered of a streamed body, so that another attempt can send it again. */
const MAX_REMEMBERED_BYTES = 4 * 1024 * 1024;

/**
 * A request body for several attempts. Texts and buffers are sent again as they are; of a stream what was read is
 * remembered up to 4 MiB, and the next attempt goes on where the one before stopped.
 */
export class ReplayableBody {
  readonly #body: Body;
  /** What was read of a stream and may be wanted again; the first of them is number `#dropped`. */
  readonly #chunks: Uint8Array[] = [];
  #dropped = 0;
  #rememberedBytes = 0;
  #remembering = true;
  #iterator: AsyncIterator<unknown> | null = null;
  /** Attempts take turns with the one reading: what one of them asked for, another may need. */
  #reading: Promise<void> | null = null;
  #finished = false;

  constructor(body: Body) {
    this.#body = body;
  }

  /** False once more was read than is remembered. */
  get replayable(): boolean {
    return this.#remembering;
  }

  /** The body for the next attempt. The one before may still hold its own, but reads no more of it. */
  take(): NonNullable<Body> | null {
    const body = this.#body ?? null;
    return isStream(body) ? (this.#replay(body) as unknown as NonNullable<Body>) : body;
  }

  /** There will be no further attempt. */
  forget(): void {
    this.#remembering = false;
  }

  async *#replay(source: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
    for (let number = 0; ; number++) {
      while (number >= this.#dropped + this.#chunks.length) {
        if (this.#finished) return;
        this.#reading ??= this.#read(source).finally(() => {
          this.#reading = null;
        });
        await this.#reading;
      }
      const chunk = this.#chunks[number - this.#dropped]!;
      if (!this.#remembering) this.#dropped += this.#chunks.splice(0, number - this.#dropped + 1).length;
      yield chunk;
    }
  }

  async #read(source: AsyncIterable<unknown>): Promise<void> {
    this.#iterator ??= source[Symbol.asyncIterator]();
    const { done, value } = await this.#iterator.next();
    if (done) {
      this.#finished = true;
      return;
    }
    const chunk = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array);
    this.#rememberedBytes += chunk.byteLength;
    if (this.#rememberedBytes > MAX_REMEMBERED_BYTES) this.#remembering = false;
    this.#chunks.push(chunk);
  }
}

function isStream(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}
