import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { until } from '../until.ts';
import { namesOf, place } from './nodes-place.ts';

test('a start that names no file uses the one of the last start, and says so', async t => {
  const w = await place(t);
  const named = path.join(w.folder, 'mine.yaml');
  await writeFile(named, 'nodes: {a: {engine: unix:///a.sock}}');
  const before = await w.open(named);
  t.deepEqual(before.file(), { path: named, from: 'named' });
  await before.close();
  const source = await w.open();
  t.deepEqual(namesOf(source.inUse()), ['a'], 'nothing leaves because nobody thought of the nodes');
  t.deepEqual(source.file(), { path: named, from: 'last_start' });
  t.is(w.logged.filter(line => line.includes('the one of the last start is used')).length, 1);
  await writeFile(w.file, 'nodes: {b: {engine: unix:///b.sock}}');
  await source.close();
  t.deepEqual(namesOf((await w.open()).inUse()), ['a'], 'nor because the state folder has another file');
});

test('a file of the last start that moved into the state folder is found there', async t => {
  const w = await place(t);
  const named = path.join(w.folder, 'mine.yaml');
  await writeFile(named, 'nodes: {a: {engine: unix:///a.sock}}');
  await (await w.open(named)).close();
  await rename(named, w.file);
  const source = await w.open();
  t.deepEqual(source.file(), { path: w.file, from: 'state_folder' });
  t.is(source.problem(), null);
});

test('a file that was taken away while no control plane ran takes no node away, until it is back', async t => {
  const w = await place(t);
  for (const named of [path.join(w.folder, 'mine.yaml'), w.file]) {
    const text = 'replace_after: 5m\nnodes: {a: {engine: unix:///a.sock, labels: {zone: x}}}';
    await writeFile(named, text);
    await (await w.open(named)).close();
    await rm(named);
    const source = await w.open();
    t.deepEqual(namesOf(source.inUse()), ['a']);
    t.deepEqual(source.inUse().members[0]?.profile.labels, { zone: 'x' });
    t.is(source.inUse().policy.replaceAfterMs, 300_000);
    t.regex(source.problem() ?? '', /is not there any more; the nodes stay as they were/);
    w.follow(source);
    await writeFile(named, text);
    await until(
      () => `it is seen that the file is back: ${source.problem()}`,
      () => source.problem() === null,
    );
    await source.close();
    await t.throwsAsync(w.open(path.join(w.folder, 'other.yaml')), { message: /other\.yaml does not exist/ });
    await rm(named);
  }
});

test('with "none" for a file its nodes leave, and local takes over, whatever lies in the state folder', async t => {
  const w = await place(t);
  const named = path.join(w.folder, 'mine.yaml');
  await writeFile(named, 'nodes: {a: {engine: unix:///a.sock}}');
  await (await w.open(named)).close();
  await writeFile(w.file, 'nodes: {b: {engine: unix:///b.sock}}');
  const source = await w.open('none');
  t.is(source.file(), null);
  t.deepEqual(namesOf(source.inUse()), ['local', 'a, leaving']);
  await rm(w.file);
  source.inUse().members[1]?.close?.();
  await source.close();
  t.deepEqual(namesOf((await w.open()).inUse()), ['local']);
});

test('a note that is damaged is none', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  for (const text of [
    '',
    '[',
    'null',
    '{"nodes": 3, "file": 3}',
    '{"nodes": {"b": 1}, "file": {"path": "/elsewhere.yaml"}}',
    '{"nodes": {"b": {"kind": "entry", "entry": {"engine": 3}, "folder": "/"}}}',
    '{"nodes": {"b": null}}',
  ]) {
    await writeFile(path.join(w.folder, 'nodes-in-use.json'), text);
    const source = await w.open();
    t.deepEqual(namesOf(source.inUse()), ['a'], text);
    await source.close();
  }
});
