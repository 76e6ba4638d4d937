import { readFile } from 'node:fs/promises';
import test from 'ava';
import { figuresText, type Results, withFigures } from '../../bench/publish.ts';
import { summaryText } from '../../bench/readme-summary.ts';
import type { Row } from '../../bench/report.ts';
import { medianInterval } from '../../bench/statistics.ts';

const results = {
  measuredAt: '2026-11-22T10:00:00.000Z',
  machine: { cpu: 'Abacus', cores: 2, memoryGiB: 24, loadAverage: 1.5 },
  quick: false,
  pairs: {},
  rows: [{ part: 'starts', measure: 'ten replicas', side: 'docker run', value: medianInterval([1.25]), unit: 's' }],
} as unknown as Results;

test('the figures replace what stood between the marks, and nothing else', t => {
  const page = 'before\n<!-- figures: written by `make bench` -->\nold\n<!-- end of figures -->\nafter\n';
  const once = withFigures(page, figuresText(results));
  t.regex(once, /^before\n<!-- figures[^\n]*-->\nMeasured 2026-11-22 on 2 cores of an Abacus/);
  t.regex(once, /\| ten replicas \| docker run \| 1\.25 s \|/);
  t.regex(once, /\n<!-- end of figures -->\nafter\n$/);
  t.notRegex(once, /old/);
  t.is(withFigures(once, figuresText(results)), once);
});

test('a page without the marks is refused', t => {
  t.throws(() => withFigures('nothing', 'text'), { message: /lacks the marks/ });
});

test('the README tells the figures of the run that is published, and names what is missed', async t => {
  const { rows } = JSON.parse(await readFile('bench/results/latest.json', 'utf8')) as Results;
  const summary = summaryText(rows);
  t.notRegex(summary, /NaN|undefined/);
  const readme = await readFile('README.md', 'utf8');
  t.is(withFigures(readme, summary), readme, 'the README is of another run: make bench writes both');
  // Whatever the figures are, the words about them are true.
  const withUp = (change: (row: Row) => Row) =>
    summaryText(rows.map(r => (r.measure === 'ten replicas' && r.side === 'outrigger up' ? change(r) : r)));
  const at = (median: number) => withUp(r => ({ ...r, ratio: { ...medianInterval([median]), against: 'docker run' } }));
  t.regex(at(1.4), /1\.40 times ten parallel.*\n.*own network, within the 1\.5 aimed at,/);
  t.regex(at(1.6), /1\.60 times ten parallel.*\n.*own network, more than the 1\.5 aimed at,/);
  t.notRegex(at(1.4), /missed: .*ten replicas \(outrigger up\)/);
  t.regex(at(1.6), /missed: .*ten replicas \(outrigger up\)/);
  const others = rows.filter(r => r.side !== 'outrigger up, bridge');
  t.notRegex(summaryText(others), /bridge/);
  const ratio = { ...medianInterval([1.234]), against: 'docker run' };
  const bridge: Row = { ...others.find(r => r.side === 'docker run')!, side: 'outrigger up, bridge', ratio };
  t.regex(
    summaryText([...others, bridge]),
    /own network as well \(`network_mode: bridge`\), they take 1\.23 times the plain/,
  );
  t.throws(() => summaryText(rows.filter(r => r.side !== 'nginx')), { message: /the run has no row/ });
});
