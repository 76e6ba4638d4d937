import test from 'ava';
import fc from 'fast-check';
import { behindTheClock } from '../../control-plane/controller/behind-the-clock.ts';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import type { StoredState } from '../../control-plane/ports.ts';
import { aReplica, phaseOf } from '../core/replicas.ts';
import { anyNodeRecord, anyReplica, anyService } from '../fakes/records.ts';

const anyState: fc.Arbitrary<StoredState> = fc.record({
  services: fc.uniqueArray(anyService, { selector: s => s.key, maxLength: 3 }),
  replicas: fc.uniqueArray(anyReplica, { selector: r => r.id, maxLength: 4 }),
  nodes: fc.uniqueArray(anyNodeRecord, { selector: n => n.name, maxLength: 2 }),
  generations: fc.constant([]),
});
const clock = fc.integer({ min: 0, max: 2 ** 42 });

/** Every instant by the way to it, whatever the code under test knows of the records: all numbers with such a name. */
function instantsOf(state: StoredState): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const walk = (value: unknown, path: string) => {
    if (typeof value === 'number' && /(?:^|\.)(?:at|since|until|\w+At|\w+Since)$/.test(path)) found.set(path, value);
    if (typeof value !== 'object' || value === null || path.endsWith('.spec')) return;
    for (const [key, inner] of Object.entries(value)) walk(inner, `${path}.${key}`);
  };
  walk(state, '');
  return found;
}

const isToCome = (path: string) => path.endsWith('.until');

/** What is stored, with every instant taken out. */
function timeless(state: StoredState): unknown {
  const paths = instantsOf(state);
  const walk = (value: unknown, path: string): unknown => {
    if (paths.has(path)) return 'an instant';
    if (typeof value !== 'object' || value === null || path.endsWith('.spec')) return value;
    if (Array.isArray(value)) return value.map((inner, i) => walk(inner, `${path}.${i}`));
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner, `${path}.${key}`)]));
  };
  return walk(state, '');
}

test('what has happened lies ahead of no clock, and as long apart as before', t => {
  fc.assert(
    fc.property(anyState, clock, (stored, now) => {
      const { state } = behindTheClock(stored, now);
      const [before, after] = [instantsOf(stored), instantsOf(state)];
      const shifts = new Set([...before].map(([path, at]) => (after.get(path) ?? Number.NaN) - at));
      const past = [...after].filter(([path]) => !isToCome(path)).map(([, at]) => at);
      const newest = Math.max(...[...before].filter(([path]) => !isToCome(path)).map(([, at]) => at));
      t.true(shifts.size <= 1, 'all move by the same');
      t.true(past.every(at => at <= now));
      if (newest > now) t.is(Math.max(...past), now, 'no more than has to be');
    }),
  );
});

test('nothing but instants changes, and a clock that goes on changes nothing', t => {
  fc.assert(
    fc.property(anyState, clock, (stored, now) => {
      t.deepEqual(timeless(behindTheClock(stored, now).state), timeless(stored));
      const newest = Math.max(0, ...instantsOf(stored).values());
      const later = behindTheClock(stored, newest);
      t.is(later.state, stored);
      t.deepEqual(later.moved, []);
    }),
  );
});

test('the changes store just that', t => {
  fc.assert(
    fc.property(anyState, clock, (stored, now) => {
      const { state, moved } = behindTheClock(stored, now);
      const written = DesiredState.from(stored).with(moved);
      const held = DesiredState.from(state);
      t.deepEqual(written.services, held.services);
      t.deepEqual(written.replicas, held.replicas);
      t.deepEqual(written.nodes, held.nodes);
    }),
  );
});

test('the end of a back-off is yet to come, and says nothing of the clock', t => {
  const backoff = aReplica(phaseOf('backoff', 1_000, { until: 11_000 }), { createdAt: 0, timings: [] });
  const stored: StoredState = { services: [], replicas: [backoff], nodes: [], generations: [] };
  t.is(behindTheClock(stored, 1_000).state, stored);
  const [moved] = behindTheClock(stored, 400).state.replicas;
  t.like(moved, { createdAt: -600, phase: { since: 400, until: 10_400 } });
});
