import fc from 'fast-check';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import type { Manner } from './watchers.ts';

/** Something happens to those who ask where replicas are: clients of the control plane, and a registry that has others. */
export type DiscoveryHappening =
  | { what: 'registry'; does: (typeof DEEDS)[number] }
  | { what: 'watch'; service: string; manner: Manner }
  | { what: 'unwatch'; nth: number; silently: boolean }
  | { what: 'cut'; nth: number; forMs: number; noticed: boolean };

const DEEDS = ['away', 'hang', 'back', 'back', 'lose', 'loseAnswers', 'slow'] as const;

export function discoveryHappening(services: readonly string[]): fc.Arbitrary<DiscoveryHappening> {
  const manner = fc.record({
    afterMs: fc.constantFrom(0, 0, 500, 30_000, null),
    callMs: fc.constantFrom(0, 1_000, 15_000),
    returnsAfterMs: fc.constantFrom(0, 200, 7_000),
  });
  return fc.oneof(
    { weight: 2, arbitrary: fc.record({ what: fc.constant('registry' as const), does: fc.constantFrom(...DEEDS) }) },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant('watch' as const), service: fc.constantFrom(...services), manner }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant('unwatch' as const), nth: fc.nat(2), silently: fc.boolean() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constant('cut' as const),
        nth: fc.nat(2),
        forMs: fc.constantFrom(0, 200, 5_000, 60_000),
        noticed: fc.boolean(),
      }),
    },
  );
}

export function befall(world: SimulatedWorld, event: DiscoveryHappening): void {
  switch (event.what) {
    case 'registry':
      world.remote?.[event.does]();
      return;
    case 'watch':
      world.watchers.add(`${NAMESPACE}/${event.service}`, event.manner);
      return;
    case 'unwatch':
      world.watchers.leave(event.nth, event);
      return;
    case 'cut':
      world.watchers.cut(event.nth, event);
      return;
    default:
      event satisfies never;
  }
}
