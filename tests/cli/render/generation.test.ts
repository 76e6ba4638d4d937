import test from 'ava';
import { generationInWords } from '../../../cli/render/generation.ts';
import { formatTime } from '../../../cli/render/units.ts';

const [acceptedAtMs, nowMs] = [1_800_000_000_000, 1_800_000_060_000];
const time = formatTime(acceptedAtMs, nowMs);

test('a generation is told with the time at which it was accepted, which after a rollback is that of the one that failed', t => {
  t.is(generationInWords({ generation: 2, acceptedAtMs }, nowMs), `2, accepted ${time}`);
  const failed = { generation: 4, message: 'exited with code 1', logTail: [] };
  const told = (rolledBack: boolean) =>
    generationInWords({ generation: 2, acceptedAtMs, failedRollout: { ...failed, rolledBack } }, nowMs);
  t.is(told(true), `2, rolled back from generation 4, accepted ${time}`);
  t.is(told(false), `2, accepted ${time}`);
});
