import test from 'ava';
import { runStage } from './run-stage.ts';
import { until } from './until.ts';

/** Says its own id and that of a child, and neither ends when it is told to. */
const STUBBORN = 'trap "" TERM; sleep 1000 & echo $$ $!; wait; sleep 1000';

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a stage that takes too long ends with all that it has started, also what does not listen', async t => {
  const ending = new AbortController();
  const pids: number[] = [];
  const status = await runStage('sh', ['-c', STUBBORN], {
    cwd: '.',
    signal: ending.signal,
    graceMs: 50,
    onLine: line => {
      pids.push(...line.split(' ').map(Number));
      ending.abort();
    },
  });
  t.is(status, 1);
  t.is(pids.length, 2);
  await until('both are gone', () => !pids.some(isThere));
});

test('a stage is over once its command is, whoever holds its output', async t => {
  const lines: string[] = [];
  const { signal } = new AbortController();
  const onLine = (line: string) => lines.push(line);
  const status = await runStage('sh', ['-c', 'setsid sleep 1000 & echo $!; exit 3'], {
    cwd: '.',
    signal,
    graceMs: 50,
    onLine,
  });
  t.is(status, 3);
  process.kill(Number(lines[0]));
  t.is(await runStage('sh', ['-c', 'echo it; echo well >&2'], { cwd: '.', signal, graceMs: 60_000, onLine }), 0);
  t.deepEqual(lines.slice(1).sort(), ['it', 'well']);
  t.is(await runStage('no-such-command-of-ours', [], { cwd: '.', signal, graceMs: 50, onLine }), 1);
  t.deepEqual(process.listeners('SIGHUP'), []);
});
