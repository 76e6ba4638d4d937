import fc from 'fast-check';

/**
 * Where random tests begin, and fast-check's properties with them; loaded by AVA before every file. The same each time, so
 * that a run says something of the change and nothing of luck. `OUTRIGGER_SEED=random` looks elsewhere, which whoever
 * changes the core does; a number replays what a log named.
 */
export const SEED = seedFrom(process.env['OUTRIGGER_SEED']);

function seedFrom(given: string | undefined): number {
  if (given === undefined || given === '') return 20_261_123;
  if (given === 'random') return Date.now() % 1_000_000_000;
  const seed = Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`OUTRIGGER_SEED is "${given}"; expected a whole number, or random`);
  return seed;
}

// AVA shows no causes: without this a property that fails says only that it did.
fc.configureGlobal({ seed: SEED, includeErrorInReport: true });
