import test from 'ava';
import type { Clock } from '../../control-plane/ports.ts';
import { Holdings } from '../../control-plane/registry/holdings.ts';

const TTL_MS = 60_000;

function holdings() {
  let now = 1_000_000;
  const clock: Clock = { now: () => now, sleep: async () => {}, alarm: () => () => {} };
  let changes = 0;
  const held = new Holdings({ clock, ttlMs: TTL_MS, onChange: () => (changes += 1) });
  return {
    held,
    pass: (ms: number) => {
      now += ms;
      return now;
    },
    /** How many changes it tells of. */
    changesIn: (act: () => void) => {
      const before = changes;
      act();
      return changes - before;
    },
  };
}

test('what was never listed may be there, until all that an earlier life renewed is over', t => {
  const { held, pass } = holdings();
  t.deepEqual(held.standing('a'), { announced: false, withdrawable: false, letGoAt: null });
  held.away();
  pass(TTL_MS - 1);
  t.is(held.standing('a').letGoAt, null);
  const end = pass(1);
  t.deepEqual(held.standing('a'), { announced: false, withdrawable: true, letGoAt: end });
});

test('what is held can be withdrawn while the registry answers; while it does not, it is over a time to live after the last renewal', t => {
  const { held, pass, changesIn } = holdings();
  held.listed(['a']);
  held.announced(new Set(['a']));
  pass(TTL_MS);
  t.deepEqual(held.standing('a'), { announced: true, withdrawable: true, letGoAt: null }, 'its own word counts');
  held.renewed('a');
  t.is(
    changesIn(() => held.away()),
    1,
  );
  t.deepEqual(held.standing('a'), { announced: true, withdrawable: false, letGoAt: null });
  pass(TTL_MS - 1);
  t.is(
    changesIn(() => held.away()),
    0,
    'nothing new',
  );
  const end = pass(1);
  t.is(
    changesIn(() => held.away()),
    1,
    'time alone made it news',
  );
  t.deepEqual(held.standing('a'), { announced: true, withdrawable: true, letGoAt: end });
  t.is(
    changesIn(() => held.listed(['a'])),
    1,
    'it is back',
  );
  t.deepEqual(held.standing('a'), { announced: true, withdrawable: true, letGoAt: null });
});

test('it is known since when the registry let go of what it held; of what it never held there is no such time', t => {
  const { held, pass } = holdings();
  held.listed(['a']);
  const at = pass(5);
  held.withdrawn('a');
  pass(5);
  t.is(held.standing('a').letGoAt, at);
  t.is(held.standing('b').letGoAt, Number.NEGATIVE_INFINITY);
  held.attempted('a');
  t.is(held.standing('a').letGoAt, null, 'it is there again');
});

test('a registration without an answer counts as renewed', t => {
  const { held, pass } = holdings();
  held.listed([]);
  held.attempted('a');
  pass(2_000);
  held.unanswered('a');
  held.away();
  pass(TTL_MS - 1);
  t.is(held.standing('a').letGoAt, null);
  const end = pass(1);
  t.is(held.standing('a').letGoAt, end);
});
