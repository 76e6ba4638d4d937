import type { ServerResponse } from 'node:http';
import { kept } from './kept.ts';
import type { OpenStream, OpenStreams } from './open-streams.ts';
import { Outflow } from './outflow.ts';

/** Server-sent events on one response. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #stream: OpenStream;

  /** Sends the headers at once, so that the client knows it is connected. */
  constructor(response: ServerResponse, streams: OpenStreams) {
    this.#response = response;
    this.#stream = streams.open({
      cut: () => response.destroy(),
      end: () => response.end(),
      beat: done => response.write(':\n\n', () => done()),
    });
    response.once('close', () => this.#stream.close());
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
  }

  /** One kind of event; a stream has one at most. */
  outflow<T extends object>(options: {
    event: string;
    keep: 'newest' | number;
    id?: (value: T) => number;
    onSent?: (value: T) => void;
  }): Outflow<T> {
    const { event, keep, id, onSent } = options;
    return new Outflow<T>({
      stream: this.#stream,
      keep,
      send: (value, done) => {
        // Thousands of watchers get the same value: it is written out once, and they share the bytes.
        const bytes = kept(frames, value, () => {
          const idLine = id ? `id: ${id(value)}\n` : '';
          return Buffer.from(`event: ${event}\n${idLine}data: ${JSON.stringify(value)}\n\n`);
        });
        this.#response.write(bytes, () => done());
      },
      ...(onSent ? { onSent } : {}),
    });
  }
}

const frames = new WeakMap<object, Buffer>();
