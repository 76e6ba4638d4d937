import test from 'ava';
import { skippedTests } from './skipped-tests.ts';
import { writtenByAva } from './written-by-ava.ts';

test('tests that a run of AVA leaves out are counted by what they need, or named', async t => {
  t.timeout(3 * 60_000);
  const written = await writtenByAva({
    'a.test.ts': `
test('it is fine (needs root)', t => t.pass());
test.skip('it mounts (needs root)', t => t.pass());
test.skip('it chowns (twice) (needs root)', t => t.pass());
test.skip('it is forgotten', t => t.pass());
test.todo('it is yet to come');
`,
  });
  t.deepEqual(
    [...skippedTests(written)].sort(),
    [
      ['it is forgotten', 1],
      ['it is yet to come', 1],
      ['needs root', 2],
    ],
    written.join('\n'),
  );
});

test('what pytest leaves out is counted with its reason', t => {
  const lines = [
    '== short test summary info ==',
    'SKIPPED [2] tests/test_a.py:7: no GPU here',
    'FAILED tests/test_a.py',
  ];
  t.deepEqual([...skippedTests(lines)], [['tests/test_a.py:7: no GPU here', 2]]);
});
