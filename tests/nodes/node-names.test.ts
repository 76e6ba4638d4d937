import { writeFile } from 'node:fs/promises';
import test from 'ava';
import { describeConnection } from '../../control-plane/engine/docker/index.ts';
import { namesOf, OTHER, place } from './nodes-place.ts';

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

test("a node that loses its name to this machine's engine is known under its new one until it has left", async t => {
  const w = await place(t);
  await writeFile(w.file, 'nodes:\n  own: {engine: "unix:///own.sock"}\n  local: {engine: "ssh://two.invalid"}\n');
  const before = await w.open();
  const identityOf = ({ settings: { connection } }: (typeof w.made)[number]) => ({
    id: describeConnection(connection),
    hostName: 'h',
  });
  for (const made of w.made) made.claim(identityOf(made));
  await before.close();
  const alone = () => w.open('none', { DOCKER_HOST: 'unix:///own.sock' });
  const left = ['local', 'local (ssh://two.invalid), leaving'];
  const source = await alone();
  const { members } = source.inUse();
  for (const made of w.made.slice(-2)) t.notThrows(() => made.claim(identityOf(made)), made.name);
  t.deepEqual(namesOf(source.inUse()), left);
  t.deepEqual(
    members.map(m => [m.profile.connection, m.formerName]),
    [
      ['unix:///own.sock', 'own'],
      ['ssh://two.invalid', 'local'],
    ],
  );
  await source.close();
  const next = await alone();
  t.deepEqual(namesOf(next.inUse()), left, 'also in the next life: else its containers ran on with nobody to end them');
  next.inUse().members[1]!.close?.();
  await next.close();
  t.deepEqual(namesOf((await alone()).inUse()), ['local']);
});
