import { rm, utimes, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import { until } from '../until.ts';
import { namesOf, place } from './nodes-place.ts';

const WHOLE = 'nodes:\n  a: {engine: unix:///a.sock}\n  b: {engine: unix:///b.sock}\n';
const HALVES = {
  'has fewer nodes': 'nodes:\n  a: {engine: unix:///a.sock}\n',
  'is empty': '',
  'ends within an entry': 'nodes:\n  a: {engine: unix:///a.sock}\n  b: {engi',
  'ends within an address': 'nodes:\n  a: {engine: unix:///a.sock}\n  b: {engine: unix:///b.s}\n',
};

/** A place where `a` and `b` were in use at the last start. */
async function usedBefore(t: ExecutionContext) {
  const w = await place(t);
  await writeFile(w.file, WHOLE);
  await (await w.open(w.file)).close();
  const waits = () => until('the start waits', () => w.logged.some(line => line.includes('was just written')));
  return { ...w, waits };
}

for (const [what, half] of Object.entries(HALVES)) {
  test(`a file that ${what} while it is written at a start is waited for, and its nodes stay`, async t => {
    const w = await usedBefore(t);
    await writeFile(w.file, half);
    const opening = w.open(w.file, {}, { confirmMs: 3_600_000 });
    await w.waits();
    await writeFile(w.file, WHOLE);
    t.deepEqual(namesOf((await opening).inUse()), ['a', 'b']);
  });
}

test('a file that is away for a moment at a start, as its new version comes, is waited for', async t => {
  const w = await usedBefore(t);
  await rm(w.file);
  const opening = w.open(w.file, {}, { confirmMs: 3_600_000 });
  await w.waits();
  await writeFile(w.file, WHOLE);
  t.deepEqual(namesOf((await opening).inUse()), ['a', 'b']);
});

test('at a start, too, a file that stays with fewer nodes counts, and one that stays wrong is refused with the line', async t => {
  const w = await usedBefore(t);
  await writeFile(w.file, HALVES['ends within an entry']);
  const wrong = await t.throwsAsync(w.open(w.file, {}, { confirmMs: 50 }));
  t.regex(wrong.message, /The nodes file cannot be used:\n.*nodes\.yaml:3:/);
  await writeFile(w.file, HALVES['has fewer nodes']);
  const fewer = await w.open(w.file, {}, { confirmMs: 50 });
  t.deepEqual(namesOf(fewer.inUse()), ['a', 'b, leaving']);
});

test('a file that nobody has written to for a while is waited for by no start', async t => {
  const w = await usedBefore(t);
  await writeFile(w.file, HALVES['has fewer nodes']);
  const longAgo = new Date(Date.now() - 7_200_000);
  await utimes(w.file, longAgo, longAgo);
  const source = await w.open(w.file, {}, { confirmMs: 3_600_000 });
  t.deepEqual(namesOf(source.inUse()), ['a', 'b, leaving']);
  t.false(w.logged.some(line => line.includes('was just written')));
});

test('a start that is broken off while it waits takes no node away', async t => {
  const w = await usedBefore(t);
  await writeFile(w.file, HALVES['has fewer nodes']);
  const stop = new AbortController();
  const opening = t.throwsAsync(w.open(w.file, {}, { confirmMs: 3_600_000, signal: stop.signal }));
  await w.waits();
  stop.abort();
  t.is(((await opening) as OutriggerError).code, 'unavailable');
  await writeFile(w.file, WHOLE);
  t.deepEqual(namesOf((await w.open(w.file)).inUse()), ['a', 'b']);
});
