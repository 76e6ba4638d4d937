import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { createSteadyClock } from '../../control-plane/clock.ts';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import type { EngineSettings } from '../../control-plane/nodes/configured-node.ts';
import { Doubt } from '../../control-plane/nodes/doubt.ts';
import type { ClosableEngine, MakeEngineOptions } from '../../control-plane/nodes/engines.ts';
import type { NodeSource, NodesInUse } from '../../control-plane/nodes/node-source.ts';
import { openNodes } from '../../control-plane/nodes/open-nodes.ts';
import { unreachableEngine } from '../../control-plane/nodes/unreachable-engine.ts';
import type { Clock } from '../../control-plane/ports.ts';
import { writeEngineCertificates } from '../engines/engine-certificates.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';

interface Made {
  readonly name: string;
  readonly settings: EngineSettings;
  readonly claim: MakeEngineOptions['claim'];
  readonly onRepeatedDevices: MakeEngineOptions['onRepeatedDevices'];
  readonly engine: ClosableEngine;
  closed: boolean;
}

/** A state folder, and the nodes that are read from it; engines are only noted. */
async function place(t: ExecutionContext) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-nodes-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'nodes.yaml');
  const made: Made[] = [];
  const logged: string[] = [];
  const changes: NodesInUse[] = [];
  const open = async (
    named?: string,
    environment: NodeJS.ProcessEnv = {},
    {
      confirmMs = 1,
      clock = createSteadyClock(),
      signal,
    }: { confirmMs?: number; clock?: Clock; signal?: AbortSignal } = {},
  ): Promise<NodeSource> => {
    const source = await openNodes({
      file: named,
      folder: { nodes: file, nodesInUse: path.join(folder, 'nodes-in-use.json') },
      makeEngine: (name, { settings, ...told }) => {
        const never = unreachableEngine(name, new Error('this engine is only noted') as OutriggerError);
        const entry: Made = {
          name,
          settings,
          ...told,
          closed: false,
          engine: Object.assign(never, { close: () => (entry.closed = true) }) as ClosableEngine,
        };
        made.push(entry);
        return entry.engine;
      },
      environment: { DOCKER_CONFIG: path.join(folder, 'docker'), PATH: process.env['PATH'], ...environment },
      confirmMs,
      ...(signal && { signal }),
      clock,
      log: pino({ base: null }, { write: line => logged.push(line) }),
    });
    t.teardown(() => source.close());
    return source;
  };
  const follow = (source: NodeSource) => source.follow(nodes => changes.push(nodes));
  const changed = (count: number) =>
    until(
      () => `the nodes changed ${count} times, and not ${changes.length}`,
      () => (changes.length >= count ? changes.at(-1) : undefined),
    );
  return { folder, file, made, logged, changes, changed, open, follow };
}

function namesOf({ members }: NodesInUse): readonly string[] {
  return members.map(m => (m.leaving ? `${m.engine.node}, leaving` : m.engine.node));
}

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

test('a version is believed when it was read twice, the time apart, with no other one between', async t => {
  const clock = new VirtualClock();
  const doubt = new Doubt({ clock, confirmMs: 3_000 });
  t.is(doubt.leftMs('a'), 3_000);
  await clock.advance(2_000);
  t.is(doubt.leftMs('a'), 1_000);
  t.is(doubt.leftMs('b'), 3_000, 'another one begins anew');
  await clock.advance(2_000);
  t.is(doubt.leftMs('a'), 3_000);
  await clock.advance(3_000);
  t.is(doubt.leftMs('a'), null);
  doubt.clear();
  t.is(doubt.leftMs('a'), 3_000, 'the right one came between');
});

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

test('a node that left and was closed gets a new engine when it comes back', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  const source = await w.open();
  w.follow(source);
  const b = source.inUse().members[1];
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  await w.changed(1);
  t.false(w.made[1]?.closed, 'its replicas have yet to move');
  b?.close?.();
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  const now = await w.changed(2);
  t.not(now.members[1]?.engine, b?.engine);
});

test('one that comes back before it was closed keeps its engine', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  const source = await w.open();
  w.follow(source);
  const b = source.inUse().members[1];
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  await w.changed(1);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}}');
  const now = await w.changed(2);
  t.is(now.members[1]?.engine, b?.engine);
});

test('a context or certificate that is missing at the start makes one silent node, until it is there', async t => {
  const w = await place(t);
  await writeFile(
    w.file,
    'nodes:\n  a: {engine: unix:///a.sock}\n  b: {context: lab}\n  c:\n    engine: tcp://c:2376\n    tls: {ca: tls/ca.pem}\n',
  );
  const source = await w.open();
  t.deepEqual(namesOf(source.inUse()), ['a', 'b', 'c']);
  t.regex(source.problem() ?? '', /nodes\.yaml:3:7: nodes\.b\.context: The Docker context "lab" does not exist/);
  t.regex(source.problem() ?? '', /nodes\.yaml:6:11: nodes\.c\.tls\.ca: the file .*\/tls\/ca\.pem does not exist/);
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

test('one engine under two names is refused to the second, whatever ways lead there', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, b: {engine: ssh://b.invalid}}');
  const source = await w.open();
  const [a, b] = w.made;
  a?.claim({ id: 'ABCD', hostName: 'gpu-1' });
  const error = t.throws(() => b?.claim({ id: 'ABCD', hostName: 'gpu-1' })) as unknown as OutriggerError;
  t.is(error.code, 'conflict');
  t.is(error.message, 'b and a are one engine, on the host gpu-1');
  t.notThrows(() => a?.claim({ id: 'ABCD', hostName: 'gpu-1' }), 'a reconnection');
  t.notThrows(() => b?.claim({ id: 'ABCD', hostName: 'gpu-2' }), 'copied machines have one id, and names of their own');
  w.follow(source);
  t.throws(() => b?.claim({ id: 'ABCD', hostName: 'gpu-1' }), { message: /one engine/ }, 'both are in the file');
});

test('of two new names for one engine the first in the file has it, whichever answers first', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {z: {engine: unix:///var/run/docker.sock}, a: {engine: unix:///run/docker.sock}}');
  await w.open();
  const [z, a] = w.made;
  a?.claim(OWN);
  t.notThrows(() => z?.claim(OWN));
  t.throws(() => a?.claim(OWN), { message: 'a and z are one engine, on the host gpu-1' });
  t.notThrows(() => z?.claim(OWN));
});

test('an engine that answers under a new name, reached another way, is the node that is not in the file any more', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}, c: {engine: unix:///c.sock}}');
  const source = await w.open();
  w.made[0]?.claim({ id: 'ABCD', hostName: 'gpu-1' });
  w.made[1]?.claim({ id: 'EFGH', hostName: 'gpu-2' });
  w.follow(source);
  await writeFile(w.file, 'nodes: {b: {engine: ssh://b.invalid}, c: {engine: unix:///c.sock}}');
  await w.changed(1);
  const b = w.made.at(-1);
  t.throws(
    () => b?.claim({ id: 'EFGH', hostName: 'gpu-2' }),
    { message: /b and c are one engine/ },
    'c is in the file',
  );
  t.is(w.changes.length, 1);
  t.notThrows(() => b?.claim({ id: 'ABCD', hostName: 'gpu-1' }));
  t.deepEqual(
    w.changes.at(-1)?.members.map(m => [m.engine.node, m.formerName]),
    [
      ['b', 'a'],
      ['c', undefined],
    ],
  );
  b?.claim({ id: 'ABCD', hostName: 'gpu-1' });
  t.is(w.changes.length, 2, 'which is told once');
  await source.close();
  t.deepEqual(namesOf((await w.open()).inUse()), ['b', 'c'], 'and nothing is left of its name before');
});

test('a node that left the file while no control plane ran leaves at the next start, and keeps its engine till then', async t => {
  const w = await place(t);
  await writeFile(
    w.file,
    'nodes: {a: {engine: unix:///a.sock, labels: {x: y}}, b: {engine: unix:///b.sock, reserved: {cpus: 1}}}',
  );
  const before = await w.open();
  w.made[0]?.claim({ id: 'ABCD', hostName: 'gpu-1' });
  await before.close();
  for (const member of before.inUse().members) member.close?.();

  await writeFile(w.file, 'nodes: {c: {engine: ssh://c.invalid}, b: {engine: unix:///b.sock}}');
  const after = await w.open();
  t.deepEqual(namesOf(after.inUse()), ['c', 'b', 'a, leaving']);
  const a = w.made.findLast(m => m.name === 'a');
  const c = w.made.findLast(m => m.name === 'c');
  t.deepEqual(a?.settings.connection, { kind: 'unix', socketPath: '/a.sock' });
  t.throws(() => c?.claim({ id: 'ABCD', hostName: 'gpu-1' }), { message: 'c and a are one engine, on the host gpu-1' });
  t.notThrows(() => a?.claim({ id: 'ABCD', hostName: 'gpu-1' }));
  after.inUse().members[2]?.close?.();
  t.notThrows(() => c?.claim({ id: 'ABCD', hostName: 'gpu-1' }), 'it is gone');
  await after.close();
  t.deepEqual(namesOf((await w.open()).inUse()), ['c', 'b'], 'and stays so');
});

test('a node that got another name while no control plane ran does not leave: its engine is the other one', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}');
  const before = await w.open();
  w.made[0]?.claim({ id: 'ABCD', hostName: 'gpu-1' });
  await before.close();
  await writeFile(w.file, 'nodes: {b: {engine: unix:///a.sock, reserved: {cpus: 1}}}');
  const after = await w.open();
  t.deepEqual(namesOf(after.inUse()), ['b']);
  t.is(after.inUse().members[0]?.formerName, 'a', 'what is stored of it is found by that');
  t.throws(() => w.made.at(-1)?.claim(OTHER), { message: /b was the engine ABCD/ }, 'another machine is not it');
  t.notThrows(() => w.made.at(-1)?.claim({ id: 'ABCD', hostName: 'gpu-1' }));
});

test('names that were swapped while no control plane ran, or given to another machine, are told apart', async t => {
  const w = await place(t);
  const formerNames = async (nodes: string) => {
    await writeFile(w.file, `nodes: {${nodes}}`);
    const source = await w.open();
    await source.close();
    return source.inUse().members.map(m => [m.engine.node, m.formerName, m.leaving]);
  };
  await formerNames('a: {engine: unix:///a.sock}, b: {engine: unix:///b.sock}');
  t.deepEqual(await formerNames('a: {engine: unix:///b.sock}, b: {engine: unix:///a.sock}'), [
    ['a', 'b', undefined],
    ['b', 'a', undefined],
  ]);
  t.deepEqual(await formerNames('a: {engine: unix:///new.sock}, c: {engine: unix:///b.sock}'), [
    ['a', undefined, undefined],
    ['c', 'a', undefined],
    ['b', undefined, true],
  ]);
});

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

test('an engine that only ssh reaches is no neighbour, without a file either', async t => {
  const w = await place(t);
  const source = await w.open(undefined, { DOCKER_HOST: 'ssh://ann@10.1.2.3' });
  t.like(source.inUse().members[0]?.profile, {
    address: '10.1.2.3',
    reach: 'published',
    connection: 'ssh://ann@10.1.2.3',
  });
  t.is(w.made[0]?.settings.publishOn, '10.1.2.3');
});

test('sockets, keys and the file itself are out of reach of every container', async t => {
  const w = await place(t);
  const tls = path.join(w.folder, 'tls');
  await writeEngineCertificates(tls, '127.0.0.1');
  await writeFile(
    w.file,
    'nodes:\n  a: {engine: unix:///a.sock}\n  b: {engine: ssh://b.invalid/b.sock}\n  c: {engine: tcp://c:1, tls: {cert: tls/client.pem, key: tls/client.key}}\n',
  );
  const hidden = (await w.open()).hiddenPaths();
  t.deepEqual([...hidden].sort(), [w.file, '/a.sock', '/b.sock', path.join(tls, 'client.key')].sort());
});

const NODE_A = 'a: {engine: ssh://a.invalid}';
const OWN = { id: 'ABCD', hostName: 'gpu-1' };
const OTHER = { id: 'EFGH', hostName: 'gpu-9' };

/** A node whose engine has answered, and whose way leads to another one by now. */
async function led(t: ExecutionContext, isVacant: (node: string) => boolean = () => false) {
  const w = await place(t);
  await writeFile(w.file, `nodes: {${NODE_A}}`);
  const source = await w.open();
  w.made[0]?.claim(OWN);
  source.follow(nodes => w.changes.push(nodes), isVacant);
  await writeFile(w.file, 'nodes: {a: {engine: ssh://wrong.invalid}}');
  await w.changed(1);
  return { ...w, source, engine: () => w.made.at(-1)! };
}

test('a node whose address leads to another engine than before waits for its own, over restarts too', async t => {
  const w = await led(t);
  const error = t.throws(() => w.engine().claim(OTHER)) as unknown as OutriggerError;
  t.is(error.code, 'conflict');
  t.is(
    error.message,
    'a was the engine ABCD on the host gpu-1, and EFGH on the host gpu-9 answers now: nothing is done there',
  );
  t.regex(error.next ?? '', /Mend its address.*a name of its own.*outrigger nodes drain a\.$/);
  t.throws(() => w.engine().claim({ ...OWN, hostName: 'gpu-9' }), { message: /was the engine/ }, 'a copy of its own');
  await w.source.close();
  const again = await w.open();
  t.throws(() => w.engine().claim(OTHER), { message: /was the engine/ });
  w.follow(again);
  await writeFile(w.file, `nodes: {${NODE_A}}`);
  await w.changed(2);
  t.notThrows(() => w.engine().claim(OWN));
});

test('another engine is taken for a node on which nothing is placed, and for one that is drained', async t => {
  let isVacant = false;
  const w = await led(t, node => node === 'a' && isVacant);
  t.throws(() => w.engine().claim(OTHER));
  isVacant = true;
  t.notThrows(() => w.engine().claim(OTHER));
  isVacant = false;
  t.notThrows(() => w.engine().claim(OTHER), 'it is the one that is known from then on');
  t.throws(() => w.engine().claim(OWN));
});

test('the same engine by another way is the same node', async t => {
  const w = await led(t);
  t.notThrows(() => w.engine().claim(OWN));
});

test('where an address leads to another machine by itself, that is no longer the node; a host may get another name', async t => {
  const w = await place(t);
  await writeFile(w.file, `nodes: {${NODE_A}}`);
  await w.open();
  const [a] = w.made;
  a?.claim(OWN);
  t.notThrows(() => a?.claim({ ...OWN, hostName: 'renamed' }));
  t.throws(() => a?.claim(OTHER), { message: /was the engine ABCD on the host renamed/ });
});

test("this machine's engine may be set up anew; another machine's is not taken for it", async t => {
  const w = await place(t);
  await w.open();
  const [local] = w.made;
  local?.claim(OWN);
  t.notThrows(() => local?.claim({ ...OWN, id: 'NEW' }));
  const error = t.throws(() => local?.claim(OTHER)) as unknown as OutriggerError;
  t.regex(error.next ?? '', /Mend DOCKER_HOST or the Docker context/);
});

test('while its address leads elsewhere, a name for what is there is a new node, and no new name of the old one', async t => {
  const w = await led(t);
  t.throws(() => w.engine().claim(OTHER));
  await w.source.close();
  await writeFile(w.file, 'nodes: {b: {engine: ssh://wrong.invalid}}');
  const { members } = (await w.open()).inUse();
  t.deepEqual(
    members.map(m => [m.engine.node, m.formerName, m.leaving]),
    [
      ['b', undefined, undefined],
      ['a', undefined, true],
    ],
  );
  t.notThrows(() => w.made.find(m => m.name === 'b')?.claim(OTHER));
});

test('two nodes may change engines', async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///1.sock}, b: {engine: unix:///2.sock}}');
  const source = await w.open();
  w.follow(source);
  w.made[0]?.claim({ id: 'ONE', hostName: 'h' });
  w.made[1]?.claim({ id: 'TWO', hostName: 'h' });
  await writeFile(w.file, 'nodes: {a: {engine: unix:///2.sock}, b: {engine: unix:///1.sock}}');
  await w.changed(1);
  t.notThrows(() => w.made[2]?.claim({ id: 'TWO', hostName: 'h' }));
  t.notThrows(() => w.made[3]?.claim({ id: 'ONE', hostName: 'h' }));
});

test('addresses, reach and ports follow from the way to the engine unless the file says so', async t => {
  const w = await place(t);
  await writeFile(
    w.file,
    `nodes:
  local: {engine: unix:///a.sock}
  ip: {engine: tcp://10.0.0.5:2375}
  name: {engine: tcp://gpu.invalid:2375}
  routed: {engine: tcp://10.0.0.6:2375, reach: containers}
  own: {engine: tcp://10.0.0.7:2375, address: gpu-7.example, publish_on: 192.168.0.7}
  shown: {engine: unix:///b.sock, reach: published, address: 10.0.0.8}
`,
  );
  const source = await w.open();
  const found = source
    .inUse()
    .members.map(({ profile: { address, reach } }, i) => [
      w.made[i]?.name,
      address,
      reach,
      w.made[i]?.settings.publishOn,
    ]);
  t.deepEqual(found, [
    ['local', '127.0.0.1', 'containers', undefined],
    ['ip', '10.0.0.5', 'published', '10.0.0.5'],
    ['name', 'gpu.invalid', 'published', '0.0.0.0'],
    ['routed', '10.0.0.6', 'containers', undefined],
    ['own', 'gpu-7.example', 'published', '192.168.0.7'],
    ['shown', '10.0.0.8', 'published', '10.0.0.8'],
  ]);
});

test('stated devices become what the scheduler counts', async t => {
  const w = await place(t);
  await writeFile(
    w.file,
    `nodes:
  a:
    engine: unix:///a.sock
    devices:
      - {id: nvidia.com/gpu=0, model: H100, memory: 80GiB, uuid: GPU-1}
      - {id: "nvidia.com/mig=1:0", slice: {of: GPU-2, profile: 1g.10gb}}
      - {id: GPU-3, index: 2}
`,
  );
  await w.open();
  t.deepEqual(w.made[0]?.settings.devices, [
    { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0', uuid: 'GPU-1', model: 'H100', memoryBytes: 80 * 1024 ** 3 },
    { id: 'nvidia.com/mig=1:0', driver: 'cdi', index: '1:0', slice: { of: 'GPU-2', profile: '1g.10gb' } },
    { id: 'GPU-3', driver: 'nvidia', index: '2', uuid: 'GPU-3' },
  ]);
});

async function writeContext(folder: string, name: string, host: string): Promise<void> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256').update(name).digest('hex');
  const meta = path.join(folder, 'docker', 'contexts', 'meta', hash);
  await mkdir(meta, { recursive: true });
  await writeFile(path.join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
}

for (const [what, isRunning] of [
  ['while a control plane runs', true],
  ['while none runs', false],
] as const)
  test(`a node whose name another one takes over ${what} leaves under a name that says how it is reached`, async t => {
    const w = await place(t);
    await writeFile(w.file, 'nodes:\n  a: {engine: ssh://one.invalid}\n  b: {engine: ssh://two.invalid}\n');
    const first = await w.open();
    for (const { claim, settings } of w.made) claim({ id: JSON.stringify(settings.connection), hostName: 'h' });
    w.follow(first);
    const taken = 'nodes:\n  b: {engine: ssh://one.invalid}\n';
    if (!isRunning) await first.close();
    await writeFile(w.file, taken);
    const source = isRunning ? first : await w.open();
    const now = isRunning ? await w.changed(1) : source.inUse();
    t.deepEqual(namesOf(now), ['b', 'b (ssh://two.invalid), leaving']);
    t.deepEqual(
      now.members.map(m => m.profile.connection),
      ['ssh://one.invalid', 'ssh://two.invalid'],
    );
    t.is(now.members[1]?.formerName, 'b');
    await source.close();
    const next = await w.open();
    t.deepEqual(namesOf(next.inUse()), ['b', 'b (ssh://two.invalid), leaving'], 'also in the next life');
    const leaving = next.inUse().members[1]!;
    leaving.close?.();
    await next.close();
    t.deepEqual(namesOf((await w.open()).inUse()), ['b'], 'until it has left');
  });
