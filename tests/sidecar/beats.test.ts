import test from 'ava';
import fc from 'fast-check';
import { Beats } from '../../sidecar/beats.ts';
import { VirtualClock } from '../fakes/clock.ts';

test('whoever asks at about the same time asks at the same moment, a few at once', async t => {
  const clock = new VirtualClock();
  const beats = new Beats({ clock, random: () => 0.5 });
  const dueAt: number[] = [];
  for (let i = 0; i < 20; i++) {
    dueAt.push(clock.now() + beats.delayMs(2_000));
    await clock.advance(5);
  }
  const together = Map.groupBy(dueAt, at => at);
  t.deepEqual(
    [...together.values()].map(group => group.length),
    [8, 8, 4],
  );
});

test('a wait is within a tenth of its interval, whatever others wait for', async t => {
  const asked = fc.record({
    intervalMs: fc.integer({ min: 100, max: 60_000 }),
    afterMs: fc.integer({ min: 0, max: 5_000 }),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { maxLength: 60 }), async questions => {
      const clock = new VirtualClock();
      let random = 0;
      const beats = new Beats({ clock, random: () => random });
      for (const question of questions) {
        await clock.advance(question.afterMs);
        random = question.random;
        const delayMs = beats.delayMs(question.intervalMs);
        t.true(delayMs >= 0.9 * question.intervalMs - 1 && delayMs <= 1.1 * question.intervalMs + 1);
      }
    }),
  );
});
