import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import type { Clock } from '../../control-plane/ports.ts';
import { writeEngineCertificates } from '../engines/engine-certificates.ts';
import { until } from '../until.ts';
import { namesOf, place } from './nodes-place.ts';

test('another way to the engine makes another engine; the old one is closed by who used it', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  const source = await w.open();
  const before = source.inUse();
  w.follow(source);
  await writeFile(
    w.file,
    'nodes: {a: {engine: unix:///elsewhere.sock}, b: {engine: unix:///b.sock, reserved: {cpus: 1}}}',
  );
  const after = await w.changed(1);
  t.deepEqual(
    w.made.map(m => m.name),
    ['a', 'b', 'a'],
  );
  t.not(after.members[0]?.engine, before.members[0]?.engine);
  t.is(after.members[1]?.engine, before.members[1]?.engine);
  t.is(after.members[1]?.profile.reservedCpus, 1);
  before.members[0]?.close?.();
  t.deepEqual(
    w.made.map(m => m.closed),
    [true, false, false],
  );
});

/** Of two nodes the second has left the file. */
async function placeThatBLeft(t: ExecutionContext) {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  const source = await w.open();
  w.follow(source);
  const b = source.inUse().members[1];
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  await w.changed(1);
  return { w, b };
}

test('a node that left and was closed gets a new engine when it comes back', async t => {
  const { w, b } = await placeThatBLeft(t);
  t.false(w.made[1]?.closed, 'its replicas have yet to move');
  b?.close?.();
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  const now = await w.changed(2);
  t.not(now.members[1]?.engine, b?.engine);
});

test('one that comes back before it was closed keeps its engine', async t => {
  const { w, b } = await placeThatBLeft(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  const now = await w.changed(2);
  t.is(now.members[1]?.engine, b?.engine);
});

test('a context or certificate that is missing at the start makes one silent node, until it is there', async t => {
  const w = await place(t);
  await writeFile(
    w.file,
    'nodes:\n  a: {engine: unix:///a.sock}\n  b: {context: lab}\n  c:\n    engine: tcp://c.example:2376\n    tls: {ca: tls/ca.pem}\n',
  );
  const source = await w.open();
  t.deepEqual(namesOf(source.inUse()), ['a', 'b', 'c']);
  t.regex(source.problem() ?? '', /nodes\.yaml:3:7: nodes\.b\.context: The Docker context "lab" does not exist/);
  t.regex(source.problem() ?? '', /shows where each leads$/m, 'whoever tells it ends the sentence');
  t.regex(source.problem() ?? '', /nodes\.yaml:6:11: nodes\.c\.tls\.ca: the file .*\/tls\/ca\.pem does not exist/);
  t.deepEqual(
    source.inUse().members.map(m => m.profile.address),
    ['127.0.0.1', 'b', 'c.example'],
  );
  const { engine } = source.inUse().members[1]!;
  const error = (await t.throwsAsync(engine.observe(AbortSignal.timeout(1_000)))) as unknown as OutriggerError;
  t.is(error.code, 'unavailable');
  t.regex(error.next ?? '', /Mend nodes\.b in .*nodes\.yaml/);

  w.follow(source);
  await writeEngineCertificates(path.join(w.folder, 'tls'), '127.0.0.1');
  await writeContext(w.folder, 'lab', 'unix:///lab.sock');
  source.reread();
  const now = await w.changed(1);
  t.is(source.problem(), null);
  t.deepEqual(namesOf(now), ['a', 'b', 'c']);
  t.is(now.members[1]?.profile.connection, 'unix:///lab.sock');
});

test('a certificate that goes missing later changes nothing; one that is renewed is read when asked', async t => {
  const w = await place(t);
  const tls = path.join(w.folder, 'tls');
  await writeEngineCertificates(tls, '127.0.0.1');
  await writeFile(w.file, 'nodes: {c: {engine: tcp://c:2376, tls: {ca: tls/ca.pem}}}');
  const source = await w.open();
  w.follow(source);
  await rename(path.join(tls, 'ca.pem'), path.join(tls, 'away.pem'));
  source.reread();
  await until('it is missed', () => source.problem());
  t.is(w.changes.length, 0);
  await rename(path.join(tls, 'other-ca.pem'), path.join(tls, 'ca.pem'));
  source.reread();
  await w.changed(1);
  t.is(source.problem(), null);
  t.is(w.made.length, 2, 'an engine that trusts the new one');
});

test('what is missed of a file that has not changed since is used once it is there, though nobody asks', async t => {
  const w = await place(t);
  const tls = path.join(w.folder, 'tls');
  await writeEngineCertificates(tls, '127.0.0.1');
  await writeFile(w.file, 'nodes: {c: {engine: tcp://c:2376, tls: {ca: tls/ca.pem}}}');
  const steady = createSteadyClock();
  // No event comes for the certificate: the file is looked at again now and then, and here that is soon.
  const clock: Clock = {
    now: steady.now,
    alarm: steady.alarm,
    sleep: (ms, end) => steady.sleep(Math.min(ms, 50), end),
  };
  const source = await w.open(undefined, {}, { clock });
  w.follow(source);
  await writeFile(w.file, 'nodes: {c: {engine: tcp://c:2376, tls: {ca: tls/new.pem}}}');
  await until('it is missed', () => source.problem());
  t.is(w.changes.length, 0);
  await rename(path.join(tls, 'other-ca.pem'), path.join(tls, 'new.pem'));
  await w.changed(1);
  t.is(source.problem(), null);
  t.is(w.made.length, 2);
});

async function writeContext(folder: string, name: string, host: string): Promise<void> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256').update(name).digest('hex');
  const meta = path.join(folder, 'docker', 'contexts', 'meta', hash);
  await mkdir(meta, { recursive: true });
  await writeFile(path.join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
}
