import test from 'ava';
import { Doubt } from '../../control-plane/nodes/doubt.ts';
import { VirtualClock } from '../fakes/clock.ts';

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
