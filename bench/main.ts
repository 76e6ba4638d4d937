import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Part, readArguments, USAGE } from './arguments.ts';
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
 * What it takes and where its figures go, USAGE says (arguments.ts). Ends with status 1 where something could not be measured; a
 * missed target is a result like any other, and is shown.
 */
const MEASURE = { a: benchCalls, b: benchStarts, c: benchControlPlane, d: benchScheduler } as const satisfies Record<
  Part,
  unknown
>;

const asked = readArguments(process.argv.slice(2));
switch (asked.kind) {
  case 'help':
    process.stdout.write(USAGE);
    break;
  case 'wrong':
    process.stderr.write(`error: ${asked.message}\nnext:  see "node bench/main.ts --help"\n`);
    process.exitCode = 2;
    break;
  case 'run':
    await measure(asked);
    break;
  default:
    asked satisfies never;
}

async function measure(run: Run): Promise<void> {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      process.stderr.write('\nremoving what was started; a second Ctrl-C ends this at once\n');
      interrupted.abort(new Error(`ended by ${name}`));
    });
  }
  try {
    await main(run, interrupted.signal);
  } catch (error) {
    process.stderr.write(`\n${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

type Run = Extract<typeof asked, { kind: 'run' }>;

async function main({ only, pairs, quick }: Run, signal: AbortSignal): Promise<void> {
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
    const measured = await MEASURE[part](context);
    rows.push(...measured.rows);
    raw[part] = measured.raw;
  }
  const results: Results = { measuredAt: new Date().toISOString(), machine, quick, pairs: context.pairs, rows };
  const folder = path.join(ROOT, 'bench/results');
  await mkdir(path.join(folder, 'raw'), { recursive: true });
  const stamp = results.measuredAt.replaceAll(/[:.]/g, '-');
  await writeFile(path.join(folder, 'raw', `${stamp}.json`), JSON.stringify({ ...results, raw }));
  if (!quick && Object.keys(MEASURE).every(part => only.includes(part as Part))) await publish(results);
  progress.phase('done');
  console.log(reportText(rows));
  const targets = rows.filter(row => row.target);
  console.log(`\n${targets.filter(isMet).length} of ${targets.length} targets met`);
}
