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
  readonly #chunks: Uint8Array[] = [];
  #iterator: AsyncIterator<unknown> | null = null;
  #rememberedBytes = 0;
  #overflowed = false;
  #finished = false;

  constructor(body: Body) {
    this.#body = body;
  }

  /** False once more was read than is remembered. */
  get replayable(): boolean {
    return !this.#overflowed;
  }

  /** The body for the next attempt. Only the newest one may be read. */
  take(): NonNullable<Body> | null {
    const body = this.#body ?? null;
    return isStream(body) ? (this.#replay(body) as unknown as NonNullable<Body>) : body;
  }

  forget(): void {
    this.#chunks.length = 0;
    this.#overflowed = true;
  }

  async *#replay(source: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
    yield* [...this.#chunks];
    this.#iterator ??= source[Symbol.asyncIterator]();
    while (!this.#finished) {
      const { done, value } = await this.#iterator.next();
      if (done) {
        this.#finished = true;
        return;
      }
      const chunk = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array);
      this.#rememberedBytes += chunk.byteLength;
      if (this.#rememberedBytes > MAX_REMEMBERED_BYTES) this.forget();
      else this.#chunks.push(chunk);
      yield chunk;
    }
  }
}

function isStream(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}
