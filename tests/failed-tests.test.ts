import test from 'ava';
import fc from 'fast-check';
import { failedTestLine, failedTests, troubleIn } from './failed-tests.ts';
import { writtenByAva } from './written-by-ava.ts';

test('each test that fails in a run of AVA is named with its seed and the first line of its error', async t => {
  t.timeout(3 * 60_000);
  const written = await writtenByAva({
    'core/a.test.ts': `
import fc from 'fast-check';
const oops = () => { throw new Error('two had it\\nat once'); };
test('it is fine', t => t.pass());
test('it holds', t => {
  t.log('before');
  t.log('seed 7: OUTRIGGER_SEED=7 replays these 5 histories');
  fc.assert(fc.property(fc.nat(), oops), { seed: 7, includeErrorInReport: true });
});
test('it holds as well, by its own seed', t => fc.assert(fc.property(fc.nat(), n => n < 5), { seed: 3 }));
test('it is', t => t.is(1, 2));
test('it is as said', t => t.is(1, 2, 'they are the same'));
test('it throws', () => { throw new TypeError('cannot do that'); });
test('it rejects', async () => { await Promise.reject(new RangeError('too far')); });
test('it matches', t => t.regex('abc', /x/));
test.failing('it is mended', t => t.pass());
`,
    'b.test.ts': `test('it lets go', async t => { setTimeout(() => { throw new Error('in the air'); }, 1); await new Promise(() => {}); });`,
    'c.test.ts': `import './not-there.ts';`,
    'd.test.ts': `test('it leaves', () => process.exit(3));`,
  });
  const found = failedTests(written);
  const of = (title: string) => found.filter(f => f.title === title).map(({ title: _, ...rest }) => rest);
  t.deepEqual(of('core › a › it holds'), [{ replay: 'OUTRIGGER_SEED=7', error: 'two had it' }]);
  const [bySeed] = of('core › a › it holds as well, by its own seed');
  t.is(bySeed?.replay, 'seed: 3');
  t.regex(bySeed?.error ?? '', /^Error: Property failed after \d+ tests: Counterexample: \[5\]$/);
  t.deepEqual(of('core › a › it is'), [{ error: '- 1 + 2' }]);
  t.deepEqual(of('core › a › it is as said'), [{ error: 'they are the same; - 1 + 2' }]);
  t.deepEqual(of('core › a › it throws'), [{ error: 'TypeError: cannot do that' }]);
  t.deepEqual(of('core › a › it rejects'), [{ error: 'RangeError: too far' }]);
  t.deepEqual(of('core › a › it matches'), [{ error: "Value must match expression: 'abc'" }]);
  t.regex(of('core › a › it is mended')[0]?.error ?? '', /^Test was expected to fail/);
  t.deepEqual(of('tests/b.test.ts'), [{ error: 'Uncaught exception: Error: in the air' }]);
  t.regex(of('tests/c.test.ts')[0]?.error ?? '', /^Uncaught exception: .*Cannot find module/);
  t.deepEqual(of('tests/d.test.ts'), [{ error: 'Exiting due to process.exit()' }]);
  t.is(found.length, 11, 'and nothing else');
});

test('what was still running when a run timed out is named', t => {
  const lines = ['', '  ✘ Timed out while running tests', '', '  1 tests were pending in tests/x.test.ts', ''];
  t.deepEqual(failedTests([...lines, '  ◌ x › it hangs']), [
    { title: 'x › it hangs', error: 'was still running when the run timed out' },
  ]);
});

test('what pytest sums up is named', t => {
  const lines = ['FAILED is no summary yet', '=========== short test summary info ===========', ''];
  const summary = [
    'FAILED tests/test_a.py::test_p[a b] - ValueError: no a b',
    'ERROR tests/test_a.py::test_b',
    '2 failed',
  ];
  t.deepEqual(failedTests([...lines, ...summary]), [
    { title: 'tests/test_a.py::test_p[a b]', error: 'ValueError: no a b' },
    { title: 'tests/test_a.py::test_b', error: '' },
  ]);
});

test('a run that was cut off before it told the errors still names what failed', t => {
  const lines = ['  ✔ a › one', '  ✘ [fail]: a › two it is small', '    ℹ seed 1: OUTRIGGER_SEED=1 replays this'];
  t.deepEqual(failedTests(lines), [{ title: 'a › two it is small', replay: 'OUTRIGGER_SEED=1', error: '' }]);
});

test('where the title of one test begins that of another, each has its own error', t => {
  const lines = [
    '  ✘ [fail]: a › it is mended twice Error thrown in test',
    '  ✘ [fail]: a › it is mended Error thrown in test',
    '  ─',
    '',
    '  a › it is mended twice',
    '',
    '  first',
    '',
    '',
    '',
    '  a › it is mended',
    '',
    '  second',
    '',
  ];
  t.deepEqual(failedTests(lines), [
    { title: 'a › it is mended twice', error: 'first' },
    { title: 'a › it is mended', error: 'second' },
  ]);
});

test('a run in which all is well names nothing', t => {
  t.deepEqual(
    failedTests(['', '  ✔ a › one', '    ℹ seed 1: OUTRIGGER_SEED=1 replays this', '  ─', '', '  1 test passed']),
    [],
  );
});

test('of a check that failed the first error is told, in the words of its tool, or the last that it said', t => {
  const told = (...lines: string[]) =>
    troubleIn(['', '== check', ...lines, '', 'make: *** [Makefile:27: check] Fehler 1']);
  for (const line of [
    "cli/up.ts(3,5): error TS2322: Type 'string' is not assignable to type 'number'.",
    'python-sdk-example/src/a.py:3: error: Missing return statement  [return]',
    'src/a.py:3:80: E501 Line too long',
  ]) {
    t.is(told('Checked 900 files in 3s. No fixes applied.', line, 'x.ts(1,1): error TS1: later'), line);
  }
  const lint = 'tests/a.test.ts:73:16 lint/complexity/useIndexOf';
  t.is(told(`\u001b[1m${lint}\u001b[22m ━━━━━━━━━`, '  × Found an error'), lint);
  t.is(told(), 'make: *** [Makefile:27: check] Fehler 1');
  t.is(troubleIn([]), '');
});

test('whatever is written, each line is one, bounded, and names its seed where there is room for it', t => {
  const text = fc.string({ unit: 'grapheme', maxLength: 300 }).map(s => s.replaceAll(/[\r\n]/g, ' '));
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(text), text, text, (lines, title, error) => {
        failedTests(lines);
        troubleIn(lines);
        const line = failedTestLine({ title, replay: 'OUTRIGGER_SEED=-123456789', error }, 120);
        return line.length <= 120 && line.includes('(OUTRIGGER_SEED=-123456789)');
      }),
    ),
  );
});
