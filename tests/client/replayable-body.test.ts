import test from 'ava';
import fc from 'fast-check';
import { ReplayableBody } from '../../client/replayable-body.ts';

async function* streamOf(chunks: readonly string[]) {
  for (const chunk of chunks) {
    await Promise.resolve();
    yield Buffer.from(chunk);
  }
}

const iterate = (body: ReplayableBody) => (body.take() as unknown as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();

test('texts, buffers and nothing are given out as they are', t => {
  for (const body of ['text', Buffer.from('bytes'), null]) t.is(new ReplayableBody(body).take(), body);
});

test('however far earlier attempts got, and even while they still read, the last one sends the whole', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ minLength: 1, maxLength: 5 }), { maxLength: 8 }),
      fc.array(fc.record({ reads: fc.nat(10), waits: fc.boolean() }), { maxLength: 4 }),
      async (chunks, attempts) => {
        const body = new ReplayableBody(streamOf(chunks) as never);
        for (const { reads, waits } of attempts) {
          const attempt = iterate(body);
          for (let i = 0; i < reads; i++) {
            const read = attempt.next();
            if (waits) await read;
          }
        }
        const last = iterate(body);
        const sent: string[] = [];
        for (let next = await last.next(); !next.done; next = await last.next())
          sent.push(Buffer.from(next.value).toString());
        t.deepEqual(sent, chunks);
      },
    ),
  );
});

test('more than is remembered still goes through once, and is not to be sent again', async t => {
  const body = new ReplayableBody(streamOf(Array.from({ length: 9 }, () => 'x'.repeat(1024 * 1024))) as never);
  const attempt = iterate(body);
  let sentBytes = 0;
  for (let next = await attempt.next(); !next.done; next = await attempt.next()) sentBytes += next.value.byteLength;
  t.is(sentBytes, 9 * 1024 * 1024);
  t.false(body.replayable);
});
