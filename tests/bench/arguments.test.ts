import { spawnSync } from 'node:child_process';
import test from 'ava';
import { PARTS, readArguments } from '../../bench/arguments.ts';

const bench = (...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bench/main.ts', ...words], { encoding: 'utf8' });
  return { status, stdout, stderr };
};

test('without words everything is measured, with as many pairs as each part has', t => {
  t.deepEqual(readArguments([]), { kind: 'run', only: ['a', 'b', 'c', 'd'], pairs: undefined, quick: false });
});

test('parts are measured once each and in their order, however they are named', t => {
  const words = ['--only', 'd,b,d', '--pairs', '20', '--quick'];
  t.deepEqual(readArguments(words), { kind: 'run', only: ['b', 'd'], pairs: 20, quick: true });
});

test('help tells every part and option, and measures nothing', t => {
  const { status, stdout, stderr } = bench('--help');
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  for (const [part, measures] of Object.entries(PARTS)) t.true(stdout.includes(`  ${part}  ${measures}\n`));
  for (const option of ['--only', '--pairs', '--quick']) t.regex(stdout, new RegExp(`^  ${option} `, 'm'));
  t.deepEqual(readArguments(['--quick', '-h']), { kind: 'help' });
});

const WRONG: readonly (readonly [string[], RegExp])[] = [
  [['--fast'], /^Unknown option '--fast'$/],
  [['b'], /^Unexpected argument 'b'$/],
  [['--only'], /^Option '--only <value>' argument missing$/],
  [['--only', '--quick'], /^Option '--only' argument is ambiguous$/],
  [['--only', 'e'], /^--only takes a, b, c, d with commas between, found "e"$/],
  [['--only', 'a,,b'], /found ""$/],
  [['--only', 'toString'], /found "toString"$/],
  [['--pairs', '0'], /^--pairs takes a number from 1 to 1000, found "0"$/],
  [['--pairs', 'many'], /found "many"$/],
];

for (const [words, message] of WRONG) {
  test(`${words.join(' ')} is refused in a sentence`, t => {
    const read = readArguments(words);
    t.is(read.kind, 'wrong');
    if (read.kind === 'wrong') t.regex(read.message, message);
  });
}

test('wrong words end with status 2, a sentence and what to do next', t => {
  t.deepEqual(bench('--only', 'e'), {
    status: 2,
    stdout: '',
    stderr: 'error: --only takes a, b, c, d with commas between, found "e"\nnext:  see "node bench/main.ts --help"\n',
  });
});
