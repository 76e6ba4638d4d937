import test from 'ava';
import fc from 'fast-check';
import { jsonLines } from '../../../control-plane/engine/docker/json-lines.ts';
import { framedLines, terminalLines } from '../../../control-plane/engine/docker/logs.ts';

/** The same bytes, cut into chunks anywhere, in the middle of a character too. */
async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
const plainText = fc.string({ unit: 'grapheme', maxLength: 60 }).map(text => text.replace(/[\r\n]/g, ''));
const TIME = '2026-11-22T16:42:56.867902098Z';

function frame(stream: 'stdout' | 'stderr', text: string): Buffer {
  const payload = Buffer.from(`${TIME} ${text}`);
  const head = Buffer.alloc(8);
  head[0] = stream === 'stderr' ? 2 : 1;
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

test('JSON lines come out as they went in, however they are cut', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), sizes, fc.boolean(), async (values, chunks, ended) => {
      const text = values.map(value => JSON.stringify(value)).join('\r\n') + (ended ? '\n' : '');
      t.deepEqual(JSON.stringify(await collect(jsonLines(cut(Buffer.from(text), chunks)))), JSON.stringify(values));
    }),
  );
});

test('something that is not JSON is an error', async t => {
  await t.throwsAsync(collect(jsonLines(cut(Buffer.from('{"a":1}\n<html>\n'), [5]))), { message: /not JSON: <html>/ });
});

test('framed log lines come out as they went in, parts of long ones joined', async t => {
  const line = fc.record({
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    parts: fc.array(plainText, { minLength: 1, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 10 }), sizes, async (lines, chunks) => {
      const bytes = Buffer.concat(
        lines.flatMap(({ stream, parts }) =>
          parts.map((part, i) => frame(stream, i === parts.length - 1 ? `${part}\n` : part)),
        ),
      );
      t.deepEqual(
        await collect(framedLines(cut(bytes, chunks))),
        lines.map(({ stream, parts }) => ({ stream, timestamp: TIME, text: parts.join('') })),
      );
    }),
  );
});

test('what is not framed is refused, not guessed at', async t => {
  await t.throwsAsync(collect(framedLines(cut(Buffer.from('plain text, no frames\n'), [7]))), { message: /framing/ });
});

test('lines of a terminal come out as they went in', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(plainText), sizes, async (lines, chunks) => {
      const bytes = Buffer.from(lines.map(text => `${TIME} ${text}\r\n`).join(''));
      t.deepEqual(
        (await collect(terminalLines(cut(bytes, chunks)))).map(({ text }) => text),
        lines,
      );
    }),
  );
});
