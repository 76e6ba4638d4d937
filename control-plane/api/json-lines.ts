import type { ServerResponse } from 'node:http';
import type { OpenStreams } from './open-streams.ts';
import type { OutwardError } from './outward-error.ts';

/**
 * Sends values as JSON lines, each when the client took the one before. An error before the first line rejects, so that
 * it becomes a proper status; one after it is the last line, as `{"error": ...}`.
 */
export async function sendLines(
  response: ServerResponse,
  values: AsyncIterable<object>,
  streams: OpenStreams,
  outward: (thrown: unknown) => OutwardError,
): Promise<void> {
  const stream = streams.open({ cut: () => response.destroy(), end: () => response.end() });
  const iterator = values[Symbol.asyncIterator]();
  const write = (line: object) =>
    new Promise<void>(resolve => {
      if (response.destroyed) return resolve();
      stream.sending();
      response.write(`${JSON.stringify(line)}\n`, () => resolve());
    }).then(() => stream.sent());
  try {
    let next = iterator.next();
    // Quiet logs have no first line yet: the client gets its headers all the same, after a moment for errors.
    await Promise.race([next, moment()]);
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
    response.flushHeaders();
    try {
      for (let result = await next; !result.done && !response.destroyed; result = await next) {
        await write(result.value);
        next = iterator.next();
      }
    } catch (error) {
      if (!response.destroyed) await write({ error: outward(error) });
    }
    response.end();
  } finally {
    stream.close();
    await iterator.return?.();
  }
}

const moment = () => new Promise<void>(resolve => setTimeout(resolve, 50));
