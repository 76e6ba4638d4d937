import test from 'ava';
import fc from 'fast-check';
import { type ServerSentEvent, serverSentEvents, streamLines } from '../../cli/stream-lines.ts';

async function* chunked(text: string, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const at = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...at, bytes.length]) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const line = fc.string({ unit: 'grapheme' }).map(text => text.replace(/[\r\n]/g, ''));

test('lines come out as they were written, wherever the stream was cut', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(line),
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.nat({ max: 5_000 })),
      async (lines, end, cuts) => {
        const text = lines.map(l => l + end).join('');
        t.deepEqual(await collect(streamLines(chunked(text, cuts))), lines);
      },
    ),
  );
});

test('a last line without an end counts', async t => {
  t.deepEqual(await collect(streamLines(chunked('a\nb', [1]))), ['a', 'b']);
});

test('events keep their name and id, comments and empty events are left out', async t => {
  const text =
    ': heartbeat\n\nevent: services\ndata: {"a":\ndata: 1}\n\nid: 7\nevent: event\ndata:x\n\nevent: nothing\n\n';
  const expected: ServerSentEvent[] = [
    { event: 'services', id: '', data: '{"a":\n1}' },
    { event: 'event', id: '7', data: 'x' },
  ];
  for (const cut of [0, 1, 5, 14, 30, 50]) t.deepEqual(await collect(serverSentEvents(chunked(text, [cut]))), expected);
});
