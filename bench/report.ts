import type { Interval } from './statistics.ts';

/** One figure of the report. */
export interface Row {
  readonly part: 'calls' | 'starts' | 'control plane' | 'scheduler';
  /** What was measured, such as `unary calls`. */
  readonly measure: string;
  /** What was measured, such as `outrigger://`; the same words in all rows of a side. */
  readonly side: string;
  readonly value: Interval;
  readonly unit: string;
  /** Pair by pair against the side named. */
  readonly ratio?: Interval & { readonly against: string };
  readonly target?: Target;
}

export interface Target {
  readonly of: 'value' | 'ratio';
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Whether the median meets the target; undefined where there is none. */
export function isMet({ value, ratio, target }: Row): boolean | undefined {
  if (!target) return undefined;
  const measured = target.of === 'ratio' ? ratio?.median : value.median;
  if (measured === undefined) return false;
  return (
    measured >= (target.atLeast ?? Number.NEGATIVE_INFINITY) && measured <= (target.atMost ?? Number.POSITIVE_INFINITY)
  );
}

const TITLES: Readonly<Record<Row['part'], string>> = {
  calls: '(a) Calls',
  starts: '(b) Ten replicas, from the command to the answer',
  'control plane': '(c) Control plane',
  scheduler: '(d) Scheduler',
};

/** Markdown: a table for each part that was measured. */
export function reportText(rows: readonly Row[]): string {
  return [...Map.groupBy(rows, row => row.part)]
    .map(([part, all]) => `### ${TITLES[part]}\n\n${table(all)}`)
    .join('\n\n');
}

function table(rows: readonly Row[]): string {
  const withRatio = rows.some(row => row.ratio);
  const head = [
    'measure',
    'side',
    'median',
    '95 % interval',
    ...(withRatio ? ['ratio', '95 % interval'] : []),
    'target',
  ];
  const lines = rows.map(row => [
    row.measure,
    row.side,
    `${figure(row.value.median)} ${row.unit}`,
    row.value.count > 1 ? bounds(row.value) : '',
    ...(withRatio ? [row.ratio ? row.ratio.median.toFixed(3) : '', row.ratio ? bounds(row.ratio, 3) : ''] : []),
    targetText(row),
  ]);
  return [head, head.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

function bounds({ low, high }: Interval, digits?: number): string {
  const text = (value: number) => (digits === undefined ? figure(value) : value.toFixed(digits));
  return `${text(low)} – ${text(high)}`;
}

function targetText(row: Row): string {
  const { target } = row;
  if (!target) return '';
  const bound = target.atLeast === undefined ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`;
  return `${bound}: ${isMet(row) ? 'met' : '**missed**'}`;
}

/** Three digits that count, thousands set apart. */
export function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
