import test from 'ava';
import fc from 'fast-check';
import { type NameChanges, type NodeBefore, nameChanges } from '../../control-plane/core/nodes/name-changes.ts';

const ways = (entries: Record<string, string>) => new Map(Object.entries(entries));
const own = (entries: Record<string, string>) =>
  new Map(Object.entries(entries).map(([name, way]) => [name, { way, isOwn: true }]));

/** As plain values, for comparison. */
function shown({ goesOn, deprived, leaving }: NameChanges) {
  return {
    ...(goesOn.size > 0 && { goesOn: Object.fromEntries(goesOn) }),
    ...(deprived.size > 0 && { deprived: Object.fromEntries(deprived) }),
    ...(leaving.size > 0 && { leaving: [...leaving].sort() }),
  };
}

const rows: readonly [
  what: string,
  before: Record<string, string>,
  now: Record<string, string>,
  expected: ReturnType<typeof shown>,
][] = [
  ['nothing is another', { a: 'A', b: 'B' }, { a: 'A', b: 'B' }, {}],
  ['one way has another name', { a: 'A', b: 'B' }, { c: 'A', b: 'B' }, { goesOn: { a: 'c' } }],
  ['two names are swapped', { a: 'A', b: 'B' }, { a: 'B', b: 'A' }, { goesOn: { a: 'b', b: 'a' } }],
  ['a new machine has the old name', { a: 'A' }, { a: 'B', c: 'A' }, { goesOn: { a: 'c' } }],
  [
    'one takes over the name of another',
    { a: 'A', b: 'B' },
    { b: 'A' },
    { goesOn: { a: 'b' }, deprived: { b: 'b (B)' } },
  ],
  ['there is another way to the same name', { a: 'A' }, { a: 'B' }, {}],
  ['one is not named any more', { a: 'A', b: 'B' }, { b: 'B' }, { leaving: ['a'] }],
  ['it could be either of two now', { a: 'A' }, { b: 'A', c: 'A' }, { leaving: ['a'] }],
  ['it was another one of the two before', { a: 'A', b: 'A' }, { b: 'A' }, { leaving: ['a'] }],
];
for (const [what, before, now, expected] of rows)
  test(`where ${what}, nodes go on, lose their names or leave accordingly`, t => {
    t.deepEqual(shown(nameChanges(own(before), ways(now))), expected);
  });

test('a way that led to another engine than its own tells nothing', t => {
  const before = new Map([['a', { way: 'A', isOwn: false }]]);
  t.deepEqual(shown(nameChanges(before, ways({ b: 'A' }))), { leaving: ['a'] });
  const both = new Map([...before, ...own({ b: 'A' })]);
  t.deepEqual(
    shown(nameChanges(both, ways({ c: 'A', a: 'B' }))),
    { goesOn: { b: 'c' } },
    'nor does it make it doubtful',
  );
});

test('whose engine answered under another name goes on under that, unless the ways say otherwise', t => {
  const answered = ways({ a: 'b' });
  t.deepEqual(shown(nameChanges(own({ a: 'A' }), ways({ b: 'B' }), answered)), { goesOn: { a: 'b' } });
  t.deepEqual(shown(nameChanges(own({ a: 'A', b: 'B' }), ways({ b: 'B' }), answered)), {
    goesOn: { a: 'b' },
    deprived: { b: 'b (B)' },
  });
  t.deepEqual(shown(nameChanges(own({ a: 'A' }), ways({ c: 'A', b: 'B' }), answered)), { goesOn: { a: 'c' } });
  t.deepEqual(shown(nameChanges(own({ a: 'X', c: 'B' }), ways({ b: 'B' }), answered)), {
    goesOn: { c: 'b' },
    leaving: ['a'],
  });
  t.deepEqual(shown(nameChanges(own({}), ways({ b: 'B' }), answered)), {}, 'nothing was known of it');
  t.deepEqual(shown(nameChanges(own({ a: 'A' }), ways({ c: 'C' }), answered)), { leaving: ['a'] }, 'b is not there');
});

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const WAYS = ['A', 'B', 'C', 'D'];
const name = fc.constantFrom(...NAMES);
const way = fc.constantFrom(...WAYS);
const mapOf = <T>(value: fc.Arbitrary<T>) =>
  fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key }).map(entries => new Map<string, T>(entries));
const scene = fc.record({
  before: mapOf(fc.record({ way, isOwn: fc.boolean() })),
  now: mapOf(way),
  answered: mapOf(name),
});

/** The name that a node has after the changes; its own where they say nothing. */
const after = (node: string, { goesOn, deprived }: NameChanges) => goesOn.get(node) ?? deprived.get(node) ?? node;

test('whatever changes, no two nodes have one name afterwards, and each has one fate', t => {
  fc.assert(
    fc.property(scene, ({ before, now, answered }) => {
      const changes = nameChanges(before, now, answered);
      const { goesOn, deprived, leaving } = changes;
      const names = [...before.keys()].map(node => after(node, changes));
      t.is(new Set(names).size, names.length);
      for (const node of before.keys()) {
        const isNamed = now.has(after(node, changes));
        const fates = [goesOn.has(node), deprived.has(node), leaving.has(node)].filter(Boolean);
        t.true(fates.length <= 1);
        // Who leaves has a name that nobody else has; who stays, or goes on, has one that is named.
        t.is(isNamed, !deprived.has(node) && !leaving.has(node));
      }
      for (const changed of [goesOn.keys(), deprived.keys(), leaving])
        t.deepEqual(
          [...changed].filter(node => !before.has(node)),
          [],
        );
    }),
  );
});

test('a name goes to another node only for its way, or because its engine answered', t => {
  fc.assert(
    fc.property(scene, ({ before, now, answered }) => {
      for (const [from, to] of nameChanges(before, now, answered).goesOn) {
        const { way, isOwn } = before.get(from)!;
        t.true((isOwn && way === now.get(to)) || answered.get(from) === to);
        t.not(from, to);
      }
    }),
  );
});

test('where each way is the own one of one node before, and has one name now, every node goes on with its machine', t => {
  const distinct = fc.uniqueArray(fc.tuple(name, way), { selector: ([n]) => n }).map(entries => {
    const unique = new Map(entries.map(([n, w]) => [w, n]));
    return new Map([...unique].map(([w, n]) => [n, w]));
  });
  fc.assert(
    fc.property(distinct, distinct, (before, now) => {
      const nodes = new Map<string, NodeBefore>([...before].map(([n, w]) => [n, { way: w, isOwn: true }]));
      const changes = nameChanges(nodes, now);
      for (const [node, reached] of before) {
        const named = [...now].find(([, w]) => w === reached)?.[0];
        if (named !== undefined) t.is(after(node, changes), named);
        else t.false(changes.goesOn.has(node));
      }
    }),
  );
});

test('what has been changed is not changed again, and the order of the nodes decides nothing', t => {
  fc.assert(
    fc.property(scene, ({ before, now }) => {
      const changes = nameChanges(before, now);
      const reversed = <T>(map: ReadonlyMap<string, T>) => new Map([...map].reverse());
      t.deepEqual(shown(nameChanges(reversed(before), reversed(now))), shown(changes));
      const then = new Map([...now].map(([node, reached]) => [node, { way: reached, isOwn: true }]));
      t.deepEqual(shown(nameChanges(then, now)), {});
    }),
  );
});
