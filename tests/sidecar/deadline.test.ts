import test from 'ava';
import { EXPIRED, withDeadline } from '../../sidecar/deadline.ts';
import { VirtualClock } from '../fakes/clock.ts';

const never = () => new Promise<never>(() => {});

test('what goes on is ended when the outer signal fires, with its reason, and no timer is left', async t => {
  const clock = new VirtualClock();
  const outer = new AbortController();
  let inner: AbortSignal | undefined;
  const task = (signal: AbortSignal) => {
    inner = signal;
    return never();
  };
  const outcome = withDeadline(task, { clock, timeoutMs: 1_000, signal: outer.signal });
  const reason = new Error('the prober closes');
  outer.abort(reason);
  // It does not wait for its deadline: the time stands still.
  t.is(await Promise.race([t.throwsAsync(outcome), clock.advance(2_000).then(() => 'nothing')]), reason);
  t.is(inner?.reason, reason);
  t.is(clock.waiting, 0);
});

test('a task that takes too long is told so, and its answer is not waited for', async t => {
  const clock = new VirtualClock();
  let inner: AbortSignal | undefined;
  const task = (signal: AbortSignal) => {
    inner = signal;
    return never();
  };
  const outcome = withDeadline(task, { clock, timeoutMs: 1_000, signal: new AbortController().signal });
  await clock.advance(1_000);
  t.is(await outcome, EXPIRED);
  t.true(inner?.aborted);
});

test('a task that rejects leaves no timer, and what it said is handed on', async t => {
  const clock = new VirtualClock();
  const error = new Error('refused');
  const task = () => Promise.reject(error);
  const outcome = withDeadline(task, { clock, timeoutMs: 1_000, signal: new AbortController().signal });
  t.is(await t.throwsAsync(outcome), error);
  t.is(clock.waiting, 0);
});
