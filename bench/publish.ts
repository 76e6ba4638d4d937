import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Machine } from './machine.ts';
import { drawPlots } from './plots.ts';
import { summaryText } from './readme-summary.ts';
import { type Row, reportText } from './report.ts';
import { ROOT } from './run-command.ts';

export interface Results {
  readonly measuredAt: string;
  readonly machine: Machine;
  readonly quick: boolean;
  readonly pairs: Readonly<Record<string, number>>;
  readonly rows: readonly Row[];
}

/** Puts a whole run where readers look: bench/results/latest.json, the plots, docs/benchmarks.md and the README. */
export async function publish(results: Results): Promise<void> {
  await writeFile(path.join(ROOT, 'bench/results/latest.json'), `${JSON.stringify(results, null, 2)}\n`);
  await drawPlots(results.rows, path.join(ROOT, 'docs/images'));
  const texts = { 'docs/benchmarks.md': figuresText(results), 'README.md': summaryText(results.rows) };
  for (const [name, text] of Object.entries(texts)) {
    const page = path.join(ROOT, name);
    await writeFile(page, withFigures(await readFile(page, 'utf8'), text));
  }
}

const BEGIN = '<!-- figures: written by `make bench` -->';
const END = '<!-- end of figures -->';

/** The page with what stands between its two marks replaced. */
export function withFigures(page: string, text: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page lacks the marks ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n${text}\n${page.slice(end)}`;
}

/** Where and when, and every row. */
export function figuresText({ measuredAt, machine, rows }: Results): string {
  const { cpu, cores, memoryGiB, system, kernel, node, docker, compose, haproxy, nginx, loadAverage } = machine;
  const where =
    `Measured ${measuredAt.slice(0, 10)} on ${cores} cores of an ${cpu}, ${memoryGiB} GiB, ${system}, Linux ${kernel}; ` +
    `Node ${node}, Docker ${docker}, Compose ${compose}, HAProxy ${haproxy}, nginx ${nginx}. ` +
    `Load average when it began: ${loadAverage}.`;
  return `${where}\n\n${reportText(rows)}`;
}
