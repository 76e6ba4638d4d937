import { mock } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { boundedConnections } from '../../client/connection-attempts.ts';

type Create = Parameters<ReturnType<typeof boundedConnections>>[0];

/** One connection that several channels share, as grpc-js' pool hands it out; `signal` is what `net.connect` would be given. */
function connection() {
  const listeners = new Set<() => void>();
  let given: Parameters<Create>[0] | undefined;
  const real = {
    ref() {},
    unref() {},
    addHealthStateWatcher() {},
    addConnectivityStateListener: (listener: () => void) => listeners.add(listener),
    getRealSubchannel: () => real,
  };
  const create = boundedConnections(grpc)(address => {
    given ??= address;
    return real as unknown as ReturnType<Create>;
  });
  return {
    use: () => {
      const subchannel = create({ host: '192.0.2.7', port: 50_051 }, {});
      subchannel.ref();
      return subchannel;
    },
    get given() {
      return given as { host: string; port: number; signal: AbortSignal };
    },
    changeState: () => {
      for (const listener of listeners) listener();
    },
  };
}

test('an attempt goes on until the last channel that shares it lets go, whoever began it', t => {
  const shared = connection();
  const [first, second] = [shared.use(), shared.use()];
  const { signal } = shared.given;
  first.unref();
  t.false(signal.aborted);
  second.unref();
  t.true(signal.aborted);
});

test('a connection that was made is left alone', t => {
  const shared = connection();
  const user = shared.use();
  const { signal } = shared.given;
  shared.changeState();
  user.unref();
  t.false(signal.aborted);
});

test('each attempt has one signal, and the next another', t => {
  const shared = connection();
  const user = shared.use();
  const { signal } = shared.given;
  t.is(shared.given.signal, signal);
  t.like(shared.given, { host: '192.0.2.7', port: 50_051 });
  shared.changeState();
  const next = shared.given.signal;
  t.not(next, signal);
  user.unref();
  t.deepEqual([signal.aborted, next.aborted], [false, true]);
  const again = shared.use();
  t.false(shared.given.signal.aborted);
  again.unref();
});

test.serial('an attempt that takes too long is given up; one that ended in time is not', t => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const [slow, quick] = [connection(), connection()];
    for (const each of [slow, quick]) each.use();
    const signals = [slow.given.signal, quick.given.signal];
    mock.timers.tick(19_999);
    quick.changeState();
    mock.timers.tick(1);
    t.deepEqual(
      signals.map(signal => signal.aborted),
      [true, false],
    );
  } finally {
    mock.timers.reset();
  }
});
