import test from 'ava';
import { dotPlot, niceStep } from '../../bench/plot.ts';
import { figure, isMet, type Row, reportText } from '../../bench/report.ts';
import { medianInterval } from '../../bench/statistics.ts';

const row = (changes: Partial<Row>): Row => ({
  part: 'calls',
  measure: 'unary calls',
  side: 'outrigger://',
  value: medianInterval([900, 1_000, 1_100]),
  unit: 'calls/s',
  ...changes,
});
const ratio = (median: number) => ({ ...medianInterval([median]), against: 'hard-coded address' });

for (const { target, median, met } of [
  { target: { of: 'ratio', atLeast: 0.97 }, median: 0.97, met: true },
  { target: { of: 'ratio', atLeast: 0.97 }, median: 0.969, met: false },
  { target: { of: 'ratio', atMost: 1.05 }, median: 1.06, met: false },
  { target: { of: 'value', atMost: 1_000 }, median: 9, met: true },
] as const) {
  test(`a target of ${JSON.stringify(target)} with a ratio of ${median} is ${met ? 'met' : 'missed'}`, t => {
    t.is(isMet(row({ ratio: ratio(median), target })), met);
  });
}

test('a row without a target is neither met nor missed', t => {
  t.is(isMet(row({})), undefined);
});

test('a target on a ratio that is not there is missed', t => {
  t.false(isMet(row({ target: { of: 'ratio', atMost: 2 } })));
});

test('a missed target stands out in the table', t => {
  const text = reportText([row({}), row({ ratio: ratio(0.5), target: { of: 'ratio', atLeast: 0.97 } })]);
  t.regex(text, /^### \(a\) Calls\n\n\| measure \|/);
  t.regex(text, /\| 1,000 calls\/s \| 900 – 1,100 \| 0\.500 \| 0\.500 – 0\.500 \| ≥ 0\.97: \*\*missed\*\* \|/);
});

test('figures show three digits that count', t => {
  t.deepEqual([12_345.6, 99.96, 9.876, 0.1234].map(figure), ['12,346', '100.0', '9.88', '0.123']);
});

test('a plot has a dot for each point and nothing that breaks its markup', t => {
  const svg = dotPlot({
    title: 'a < b & c',
    subtitle: '',
    from: 0,
    format: String,
    groups: [{ label: 'group', points: [{ label: '<side>', median: 1, low: 0.5, high: 2, own: true }] }],
  });
  t.is(svg.match(/<circle /g)?.length, 1);
  t.regex(svg, /a &lt; b &amp; c/);
  t.regex(svg, /&lt;side&gt;/);
  t.notRegex(svg, /NaN|Infinity|undefined/);
});

test('axis steps are 1, 2 or 5 times a power of ten', t => {
  t.deepEqual([0.03, 0.2, 0.21, 3, 7, 10].map(niceStep), [0.05, 0.2, 0.5, 5, 10, 10]);
});
