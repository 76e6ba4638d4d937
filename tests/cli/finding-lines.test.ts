import test from 'ava';
import { findingLines } from '../../cli/doctor/finding-lines.ts';

test('what mends many mistakes of one file is told once, after the last of them', t => {
  const next = 'docs/nodes.md says what may stand there.';
  const mistake = (message: string) => ({ name: 'nodes file', status: 'fail' as const, message, next });
  const lines = findingLines(
    [
      mistake('n.yaml:1:1: one'),
      mistake('n.yaml:2:1: two'),
      { ...mistake('n.yaml:3:1: three'), next: 'Write the unit.' },
      { name: 'compose', status: 'fail', message: 'is too old', next: 'Write the unit.' },
      { name: 'node', status: 'ok', message: 'fine' },
      { name: 'node', status: 'ok', message: 'fine as well' },
    ],
    (_, text) => text,
  );
  t.deepEqual(lines, [
    '✘ nodes file  n.yaml:1:1: one',
    '✘ nodes file  n.yaml:2:1: two',
    `              next: ${next}`,
    '✘ nodes file  n.yaml:3:1: three',
    '              next: Write the unit.',
    '✘ compose     is too old',
    '              next: Write the unit.',
    '✔ node        fine',
    '✔ node        fine as well',
  ]);
});
