import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { openBoundedLog } from '../../control-plane/logs/bounded-log.ts';

async function logFile(t: ExecutionContext): Promise<{ file: string; fd: number }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-log-'));
  const file = path.join(folder, 'control-plane.log');
  const fd = openSync(file, 'a+', 0o600);
  t.teardown(async () => {
    closeSync(fd);
    await rm(folder, { recursive: true });
  });
  return { file, fd };
}

const numbers = (file: string): number[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line).n);

test('a log stays within its bound for ever, with the lines before the newest in one older file', async t => {
  const { file, fd } = await logFile(t);
  const log = pino({ base: null }, openBoundedLog(file, { fd, maxBytes: 4_000 }));
  for (let n = 0; n < 1_000; n++) log.info({ n }, 'a line');
  t.true(statSync(file).size <= 4_100);
  t.true(statSync(`${file}.1`).size <= 4_100);
  const kept = [...numbers(`${file}.1`), ...numbers(file)];
  t.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, i) => 1_000 - kept.length + i),
    'the newest lines, in order, none missing',
  );
});

test('a log that was long when it was opened counts, and what others append is kept', async t => {
  const { file, fd } = await logFile(t);
  writeSync(fd, `${'x'.repeat(5_000)}\n`);
  const log = pino({ base: null }, openBoundedLog(file, { fd, maxBytes: 4_000 }));
  log.info({ n: 0 }, 'first');
  writeSync(fd, 'a warning of the runtime\n');
  log.info({ n: 1 }, 'second');
  t.deepEqual(numbers(`${file}.1`), [0]);
  t.regex(readFileSync(file, 'utf8'), /^a warning of the runtime\n\{.*"n":1/);
});

test('an output that is not the log file is left as it is', async t => {
  const { file, fd } = await logFile(t);
  const log = pino({ base: null }, openBoundedLog(`${file}.other`, { fd, maxBytes: 100 }));
  for (let n = 0; n < 50; n++) log.info({ n }, 'a line');
  t.is(numbers(file).length, 50);
});
