import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NodesNote } from '../../control-plane/nodes/nodes-note.ts';

async function fileWith(t: ExecutionContext, text: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nodes-note-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'nodes-in-use.json');
  await writeFile(file, text);
  return file;
}

const LOCAL = { kind: 'local', engine: 'ID' } as const;
const REMOTE = {
  kind: 'entry',
  folder: '/etc',
  entry: { engine: 'tcp://a:2376', tls: { ca: 'ca.pem', skip_verify: false } },
} as const;

test('what was noted is there after the next start', async t => {
  const file = await fileWith(t, '');
  const note = await NodesNote.open(file);
  note.use({ path: '/etc/nodes.yaml', text: 'nodes: {}' });
  note.add([
    ['local', LOCAL],
    ['a', REMOTE],
  ]);
  note.answered('a', 'OTHER');
  await note.close();
  const again = await NodesNote.open(file);
  t.deepEqual(
    [...again.nodes()],
    [
      ['local', LOCAL],
      ['a', { ...REMOTE, engine: 'OTHER' }],
    ],
  );
  t.deepEqual(again.nodesFile(), { path: '/etc/nodes.yaml', text: 'nodes: {}' });
});

for (const [what, node] of Object.entries<unknown>({
  'no entry': { kind: 'entry', folder: '/etc' },
  'no folder': { kind: 'entry', entry: {} },
  'an entry that is none': { kind: 'entry', folder: '/etc', entry: { engine: 7 } },
  'an engine that is none': { kind: 'local', engine: {} },
  'another kind': { kind: 'swarm' },
  nothing: null,
  'a text': 'local',
})) {
  test(`a node with ${what} is left out, and the others are kept`, async t => {
    const note = await NodesNote.open(await fileWith(t, JSON.stringify({ nodes: { bad: node, a: REMOTE } })));
    t.deepEqual([...note.nodes()], [['a', REMOTE]]);
  });
}

for (const text of [
  '',
  'null',
  '[]',
  '{',
  '{"nodes": 1}',
  '{"nodes": {}, "file": {"path": "nodes.yaml", "text": "x"}}',
]) {
  test(`a note that says ${text || 'nothing'} is an empty one`, async t => {
    const note = await NodesNote.open(await fileWith(t, text));
    t.deepEqual([...note.nodes()], []);
    t.is(note.nodesFile(), null);
  });
}

test('a nodes file that is half there costs no node', async t => {
  const note = await NodesNote.open(await fileWith(t, JSON.stringify({ file: { path: '/x' }, nodes: { a: REMOTE } })));
  t.is(note.nodesFile(), null);
  t.is(note.nodes().size, 1);
});

const reachedAt = (host: string) => ({ ...REMOTE, entry: { ...REMOTE.entry, engine: `tcp://${host}:2376` } });

test('the engine that is expected at a node goes along when names are swapped, and is remembered through a wrong way', async t => {
  const note = await NodesNote.open(await fileWith(t, ''));
  note.add([
    ['a', reachedAt('1')],
    ['b', reachedAt('2')],
  ]);
  note.answered('a', 'ONE');
  note.answered('b', 'TWO');
  note.add([
    ['a', reachedAt('2')],
    ['b', reachedAt('1')],
  ]);
  t.deepEqual(
    [...note.nodes()].map(([name, n]) => [name, n.engine, n.engineBy]),
    [
      ['a', 'TWO', undefined],
      ['b', 'ONE', undefined],
    ],
  );
  note.add([['a', reachedAt('3')]]);
  note.add([['a', reachedAt('4')]]);
  t.like(note.nodes().get('a'), { engine: 'TWO', engineBy: 'tcp://2:2376 undefined' });
  note.add([['a', reachedAt('2')]]);
  t.deepEqual(note.nodes().get('a'), { ...reachedAt('2'), engine: 'TWO' }, 'the way is as it was');
  await note.close();
});

test('a name that a new machine is given expects no engine, as the former one goes on under another name', async t => {
  const note = await NodesNote.open(await fileWith(t, ''));
  note.add([['a', reachedAt('1')]]);
  note.answered('a', 'ONE');
  note.add([
    ['a', reachedAt('2')],
    ['b', reachedAt('1')],
  ]);
  t.deepEqual(note.nodes().get('a'), reachedAt('2'));
  t.like(note.nodes().get('b'), { engine: 'ONE' });
  await note.close();
});
