import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { benchCalls } from './calls.ts';
import type { BenchContext } from './context.ts';
import { benchControlPlane } from './control-plane.ts';
import { describeMachine } from './machine.ts';
import { onlyOne } from './only-one.ts';
import { Progress } from './progress.ts';
import { publish, type Results } from './publish.ts';
import { isMet, type Row, reportText } from './report.ts';
import { ROOT, runCommand } from './run-command.ts';
import { benchScheduler } from './scheduler.ts';
import { benchStarts } from './starts.ts';

/**
 * `node bench/main.ts [--only a,b,c,d] [--pairs N] [--quick]`: the table goes to standard output, every value to
 * bench/results/raw/. A whole run is published (publish.ts), a partial or quick one is not. Ends with status 1 where
 * something could not be measured; a missed target is a result like any other, and is shown.
 */
const PARTS = { a: benchCalls, b: benchStarts, c: benchControlPlane, d: benchScheduler } as const;
type Part = keyof typeof PARTS;

const { only, pairs, quick } = readArguments();
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    process.stderr.write('\nremoving what was started; a second Ctrl-C ends this at once\n');
    interrupted.abort(new Error(`ended by ${name}`));
  });
}

try {
  await main(interrupted.signal);
} catch (error) {
  process.stderr.write(`\n${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function main(signal: AbortSignal): Promise<void> {
  await using _ = await onlyOne();
  const progress = new Progress();
  // The scheduler is pure: it is measured as it stands in the sources.
  if (only.some(part => part !== 'd')) {
    progress.phase('building the program and the images');
    await runCommand('npm', ['run', '--silent', 'build'], { signal });
    await runCommand('bash', ['bench/images.sh'], { signal, timeoutMs: 600_000 });
  }
  const machine = await describeMachine(signal);
  const context: BenchContext = {
    signal,
    progress,
    pairs: {
      calls: pairs ?? (quick ? 32 : 96),
      starts: pairs ?? (quick ? 3 : 10),
      controlPlane: quick ? 5 : 10,
      placements: pairs ?? (quick ? 12 : 48),
      fills: quick ? 2 : 6,
    },
    idleMs: quick ? 15_000 : 60_000,
  };
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  for (const part of only) {
    const measured = await PARTS[part](context);
    rows.push(...measured.rows);
    raw[part] = measured.raw;
  }
  const results: Results = { measuredAt: new Date().toISOString(), machine, quick, pairs: context.pairs, rows };
  const folder = path.join(ROOT, 'bench/results');
  await mkdir(path.join(folder, 'raw'), { recursive: true });
  const stamp = results.measuredAt.replaceAll(/[:.]/g, '-');
  await writeFile(path.join(folder, 'raw', `${stamp}.json`), JSON.stringify({ ...results, raw }));
  if (!quick && Object.keys(PARTS).every(part => only.includes(part as Part))) await publish(results);
  progress.phase('done');
  console.log(reportText(rows));
  const targets = rows.filter(row => row.target);
  console.log(`\n${targets.filter(isMet).length} of ${targets.length} targets met`);
}

function readArguments(): { only: readonly Part[]; pairs: number | undefined; quick: boolean } {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, pairs: { type: 'string' }, quick: { type: 'boolean', default: false } },
  });
  const parts = values.only?.split(',') ?? Object.keys(PARTS);
  const wrong = parts.find(part => !(part in PARTS));
  if (wrong !== undefined) throw new Error(`--only takes a, b, c and d with commas between, found "${wrong}"`);
  const count = values.pairs === undefined ? undefined : Number(values.pairs);
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= 1_000)) {
    throw new Error(`--pairs takes a number from 1 to 1000, found "${values.pairs}"`);
  }
  return { only: parts as Part[], pairs: count, quick: values.quick };
}
