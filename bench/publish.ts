import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Machine } from './machine.ts';
import { drawPlots } from './plots.ts';
import { type Row, reportText } from './report.ts';
import { ROOT } from './run-command.ts';

export interface Results {
  readonly measuredAt: string;
  readonly machine: Machine;
  readonly quick: boolean;
  readonly pairs: Readonly<Record<string, number>>;
  readonly rows: readonly Row[];
}

/** Puts a whole run where readers look: bench/results/latest.json, the plots, and the figures in docs/benchmarks.md. */
export async function publish(results: Results): Promise<void> {
  await writeFile(path.join(ROOT, 'bench/results/latest.json'), `${JSON.stringify(results, null, 2)}\n`);
  await drawPlots(results.rows, path.join(ROOT, 'docs/images'));
  const page = path.join(ROOT, 'docs/benchmarks.md');
  await writeFile(page, withFigures(await readFile(page, 'utf8'), results));
}

const BEGIN = '<!-- figures: written by `make bench` -->';
const END = '<!-- end of figures -->';

/** The page with what stands between its two marks replaced. */
export function withFigures(page: string, { measuredAt, machine, rows }: Results): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/benchmarks.md lacks the marks ${BEGIN} and ${END}`);
  const { cpu, cores, memoryGiB, system, kernel, node, docker, compose, haproxy, nginx, loadAverage } = machine;
  const where =
    `Measured ${measuredAt.slice(0, 10)} on ${cores} cores of an ${cpu}, ${memoryGiB} GiB, ${system}, Linux ${kernel}; ` +
    `Node ${node}, Docker ${docker}, Compose ${compose}, HAProxy ${haproxy}, nginx ${nginx}. ` +
    `Load average when it began: ${loadAverage}.`;
  return `${page.slice(0, begin + BEGIN.length)}\n${where}\n\n${reportText(rows)}\n${page.slice(end)}`;
}
