import fc from 'fast-check';

/**
 * Rejects with the first history that fails, and with what of it suffices, as far as a few minutes tell: who makes it
 * smaller until nothing more can be left out is still at it when the test's time is over, and nothing is told at all.
 */
export async function throughHistories<T>(
  property: fc.IAsyncProperty<T>,
  given: { readonly seed: number; readonly numRuns: number },
): Promise<void> {
  const found = await fc.check(property, { ...given, endOnFailure: true });
  if (!found.failed) return;
  await fc.assert(property, {
    seed: given.seed,
    path: found.counterexamplePath ?? '',
    interruptAfterTimeLimit: SHRINKING_MS,
    includeErrorInReport: true,
  });
  throw new Error(
    `a history failed, and held when it was lived again: seed ${given.seed}, ${found.counterexamplePath}`,
  );
}

const SHRINKING_MS = 120_000;
