import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { dotPlot } from './plot.ts';
import type { Row } from './report.ts';

/** Writes an SVG for each part that was measured and that a picture says something about. */
export async function drawPlots(rows: readonly Row[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const calls = rows.filter(row => row.part === 'calls' && row.ratio);
  if (calls.length > 0) {
    const throughput = calls.filter(row => row.unit !== 'ms');
    const latency = calls.filter(row => row.unit === 'ms' && row.measure.startsWith('unary'));
    await writeFile(
      path.join(folder, 'bench-throughput.svg'),
      dotPlot({
        title: 'Throughput, compared with a hard-coded address',
        subtitle: 'median of paired ratios and its 95 % interval; further right is better',
        reference: { value: 1, label: 'hard-coded address' },
        from: 0,
        format: ratio,
        groups: grouped(throughput),
      }),
    );
    await writeFile(
      path.join(folder, 'bench-latency.svg'),
      dotPlot({
        title: 'Time of a unary call, compared with a hard-coded address',
        subtitle: 'median of paired ratios and its 95 % interval; further left is better',
        reference: { value: 1, label: 'hard-coded address' },
        from: 0,
        format: ratio,
        groups: grouped(latency),
      }),
    );
  }
  const starts = rows.filter(row => row.part === 'starts' && row.measure === 'ten replicas');
  if (starts.length > 0) {
    await writeFile(
      path.join(folder, 'bench-starts.svg'),
      dotPlot({
        title: 'From the command to ten running replicas',
        subtitle: 'seconds, median and its 95 % interval; further left is better',
        from: 0,
        format: value => `${value.toFixed(1)} s`,
        groups: [{ label: '', points: starts.map(({ side, value }) => ({ label: side, ...value, own: isOwn(side) })) }],
      }),
    );
  }
}

function grouped(rows: readonly Row[]) {
  return [...Map.groupBy(rows, row => row.measure)].map(([label, all]) => ({
    label,
    points: all.map(({ side, ratio: interval }) => ({ label: side, ...interval!, own: isOwn(side) })),
  }));
}

function isOwn(side: string): boolean {
  return side.startsWith('outrigger');
}

function ratio(value: number): string {
  return `${value.toFixed(2)}×`;
}
