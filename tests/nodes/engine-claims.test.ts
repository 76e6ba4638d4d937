import { writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import { OTHER, OWN, place } from './nodes-place.ts';

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

const NODE_A = 'a: {engine: ssh://a.invalid}';

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
