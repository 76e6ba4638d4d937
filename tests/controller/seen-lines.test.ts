import test from 'ava';
import { SeenLines } from '../../control-plane/logs/seen-lines.ts';

const at = (ms: number) => `2026-01-01T00:00:00.${String(ms).padStart(3, '0')}000000Z`;

test('all lines of one moment are given out, and none of them again when the stream is opened anew', t => {
  const seen = new SeenLines();
  const line = { source: 'a', timestamp: at(1) };
  t.deepEqual([seen.isNew(line), seen.isNew(line)], [true, true]);
  seen.reopened();
  t.deepEqual([seen.isNew(line), seen.isNew(line), seen.isNew(line)], [false, false, true]);
});

test('a source that is behind another loses nothing', t => {
  const seen = new SeenLines();
  t.true(seen.isNew({ source: 'out', timestamp: at(9) }));
  seen.reopened();
  t.true(seen.isNew({ source: 'err', timestamp: at(5) }));
  t.false(seen.isNew({ source: 'out', timestamp: at(5) }));
});

test('a stream is opened again from a little before its newest line', t => {
  const seen = new SeenLines();
  t.is(seen.resumeMs(), null);
  seen.isNew({ source: 'a', timestamp: at(700) });
  t.is(seen.resumeMs(), Date.parse(at(700)) - 1_000);
});

test('lines without a time are all given out', t => {
  const seen = new SeenLines();
  seen.isNew({ source: 'a', timestamp: '' });
  seen.reopened();
  t.true(seen.isNew({ source: 'a', timestamp: '' }));
});
