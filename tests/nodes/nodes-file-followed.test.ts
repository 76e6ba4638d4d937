import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import { until } from '../until.ts';
import { namesOf, place } from './nodes-place.ts';

test('without a file there is one local node, and a file that appears takes its place', async t => {
  const w = await place(t);
  const source = await w.open();
  t.deepEqual(namesOf(source.inUse()), ['local']);
  t.like(source.inUse().members[0]?.profile, { address: '127.0.0.1', reach: 'containers' });
  w.follow(source);
  await writeFile(w.file, 'lost_after: 5s\nnodes:\n  a: {engine: ssh://a.invalid}\n  b: {engine: unix:///b.sock}\n');
  const now = await w.changed(1);
  t.deepEqual(namesOf(now), ['a', 'b', 'local, leaving']);
  t.is(now.members[2]?.engine, w.made[0]?.engine);
  t.is(now.policy.lostAfterMs, 5_000);
  t.true(source.hiddenPaths().includes('/b.sock') && source.hiddenPaths().includes(w.file));
  t.is(source.problem(), null);
});

test('a file that is named has to be there and right; the error has all of its mistakes', async t => {
  const w = await place(t);
  const missing = await t.throwsAsync(w.open(path.join(w.folder, 'other.yaml')));
  t.regex(missing.message, /other\.yaml does not exist/);
  await writeFile(w.file, 'nodes:\n  a: {engin: x}\n  b: {reach: far}\n');
  const wrong = (await t.throwsAsync(w.open(w.file))) as unknown as OutriggerError;
  t.is(wrong.code, 'invalid_argument');
  t.regex(
    wrong.message,
    /nodes\.yaml:2:7: nodes\.a\.engin: unknown key.*\n.*nodes\.yaml:3:7: nodes\.b\.reach: expected/,
  );
  t.regex(wrong.next ?? '', /docs\/nodes\.md/);
});

test('a new version that is wrong leaves the nodes as they are and says why, until it is right', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  const source = await w.open();
  w.follow(source);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock, labls: {}}}');
  await until('the mistake is noticed', () => source.problem());
  t.regex(source.problem() ?? '', /nodes\.yaml:1:37: nodes\.a\.labls: unknown key "labls".*did you mean "labels"/);
  t.regex(source.problem() ?? '', /\nuntil .*nodes\.yaml is mended, the nodes stay as they were$/);
  t.deepEqual(namesOf(source.inUse()), ['a']);
  t.is(w.changes.length, 0);
  t.is(w.logged.filter(line => line.includes('not as it should be')).length, 1);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock, labels: {zone: x}}}');
  const now = await w.changed(1);
  t.is(source.problem(), null);
  t.deepEqual(now.members[0]?.profile.labels, { zone: 'x' });
  t.is(w.made.length, 1, 'the engine is the one from before');
});

test('a file that is taken away takes no node away', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  const source = await w.open();
  w.follow(source);
  await rm(w.file);
  await until('that is noticed', () => source.problem());
  t.regex(source.problem() ?? '', /is not there any more; the nodes stay as they were/);
  await writeFile(`${w.file}.new`, 'nodes: {b: {engine: unix:///b.sock}}');
  await rename(`${w.file}.new`, w.file);
  t.deepEqual(namesOf(await w.changed(1)), ['b']);
  t.is(source.problem(), null);
});

test('stated devices that turn out to be one are shown as a problem while they are', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  const source = await w.open();
  w.made[0]?.onRepeatedDevices(['nvidia.com/gpu=GPU-bb']);
  t.is(
    source.problem(),
    'nodes.a.devices: "nvidia.com/gpu=GPU-bb" is a device that is stated before it under another name; it does not count',
  );
  w.made[0]?.onRepeatedDevices([]);
  t.is(source.problem(), null);
});

test('a file that is written in steps takes no node away', async t => {
  const w = await place(t);
  const whole = 'nodes:\n  a: {engine: unix:///a.sock}\n  b: {engine: unix:///b.sock}\n';
  await writeFile(w.file, whole);
  const source = await w.open(undefined, {}, { confirmMs: 3_600_000 });
  w.follow(source);
  const doubts = () => w.logged.filter(line => line.includes('read again before it counts')).length;
  const half = (count: number) =>
    until(
      () => `the half is read, ${doubts()} and not ${count} times`,
      () => doubts() === count,
    );
  await writeFile(w.file, 'nodes:\n  a: {engine: unix:///a.sock}\n');
  await half(1);
  t.deepEqual(namesOf(source.inUse()), ['a', 'b']);
  t.is(w.changes.length, 0);
  await writeFile(w.file, `${whole}  c: {engine: unix:///c.sock}\n`);
  t.deepEqual(namesOf(await w.changed(1)), ['a', 'b', 'c'], 'the whole counts at once');
  await writeFile(w.file, 'nodes:\n  a: {engine: unix:///a.sock}\n  b: {engine: unix:///b.soc}');
  await half(2);
  t.deepEqual(namesOf(source.inUse()), ['a', 'b', 'c'], 'nor leads half of an address elsewhere');
  t.is(w.changes.length, 1);
  source.reread();
  t.deepEqual(namesOf(await w.changed(2)), ['a', 'b'], 'who asks for it is believed at once');
});

test('one that stays with fewer nodes counts, and so does the first file there is', async t => {
  const w = await place(t);
  const clock = createSteadyClock();
  const source = await w.open(undefined, {}, { confirmMs: 3_600_000, clock });
  w.follow(source);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  source.reread();
  t.deepEqual(namesOf(await w.changed(1)), ['a', 'b', 'local, leaving']);
  await source.close();
  const next = await w.open(undefined, {}, { confirmMs: 200 });
  w.follow(next);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  t.deepEqual(namesOf(await w.changed(2)), ['a']);
  t.is(w.logged.filter(line => line.includes('read again before it counts')).length, 1);
});
