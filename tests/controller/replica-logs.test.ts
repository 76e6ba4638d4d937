import test, { type ExecutionContext } from 'ava';
import type { LogQuery } from '../../control-plane/control-plane.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { serviceSpec } from '../../control-plane/core/spec.ts';
import { replicaLogs } from '../../control-plane/logs/replica-logs.ts';
import type { LogLineView } from '../../control-plane/views/views.ts';
import { settle, VirtualClock } from '../fakes/clock.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { FakeEngine } from '../fakes/engine.ts';

const SERVICE = { namespace: 'shop', name: 'llm' };
const FOLLOW: LogQuery = { namespace: 'shop', names: [], follow: true };

/** A service with one replica, whose container the fake engine runs and the test writes for. */
async function world(t: ExecutionContext) {
  const clock = new VirtualClock();
  const engine = new FakeEngine({ clock });
  const controlPlane = new FakeControlPlane();
  const containers = new Map<string, { node: string; containerId: string }>();
  const stop = new AbortController();
  t.teardown(() => stop.abort());

  const start = async () => {
    await controlPlane.apply({ specs: [{ ...SERVICE, image: 'i:1' }], origin: 'test', dryRun: false });
    const [replica] = controlPlane.settle(SERVICE).replicas;
    engine.machine.images.set('i:1', 'sha256:1');
    const { containerId } = await engine.create(
      {
        kind: 'create',
        node: 'local',
        replicaId: replica!.id,
        attempt: 1,
        generation: 1,
        containerName: 'llm-1',
        placement: { node: 'local', devices: [] },
        spec: serviceSpec.parse({ ...SERVICE, image: 'i:1', command: ['serve'] }),
      },
      stop.signal,
    );
    await engine.start(containerId, stop.signal);
    containers.set(replica!.id, { node: 'local', containerId });
    controlPlane.settle(SERVICE);
    return containerId;
  };
  const open = (query: LogQuery) => {
    const lines: string[] = [];
    let ended: 'no' | 'yes' | OutriggerError = 'no';
    const read = async () => {
      const engines = new Map([['local', engine]]);
      const logs: AsyncIterable<LogLineView> = replicaLogs({
        query,
        controlPlane,
        engines,
        containers: () => containers,
        clock,
        signal: stop.signal,
      });
      for await (const { text } of logs) lines.push(text);
    };
    const done = read().then(
      () => {
        ended = 'yes';
      },
      error => {
        ended = error;
      },
    );
    return { lines, ended: () => ended, done };
  };
  return { clock, engine, machine: engine.machine, controlPlane, stop, start, open };
}

test('a followed log goes on behind its last line once the engine is back: none lost, none twice', async t => {
  const { clock, machine, start, open } = await world(t);
  const id = await start();
  const { lines } = open(FOLLOW);
  await settle();
  machine.print(id, 'one');
  // At the same moment, and on the other stream.
  machine.print(id, 'two');
  machine.print(id, 'warning', 'stderr');
  await settle();
  t.deepEqual(lines, ['one', 'two', 'warning']);

  machine.setDaemon('down');
  await settle();
  machine.print(id, 'three');
  await clock.advance(5_000);
  machine.print(id, 'four');
  t.deepEqual(lines, ['one', 'two', 'warning']);
  machine.setDaemon('running');
  await clock.advanceUntil(() => lines.includes('four'), 60_000);
  machine.print(id, 'five');
  await settle();
  t.deepEqual(lines, ['one', 'two', 'warning', 'three', 'four', 'five']);
});

test('a container that ended while the engine was away is read to its end', async t => {
  const { clock, machine, controlPlane, start, open } = await world(t);
  const id = await start();
  const { lines, ended } = open(FOLLOW);
  await settle();
  machine.setDaemon('down');
  await settle();
  machine.print(id, 'last words');
  machine.exit(id, { code: 1 });
  machine.setDaemon('running');
  await clock.advanceUntil(() => lines.includes('last words'), 60_000);
  t.is(ended(), 'no', 'the service is still there, and may start another replica');
  await controlPlane.remove({ ...SERVICE, names: [SERVICE.name], volumes: false });
  await settle();
  t.is(ended(), 'yes');
});

test('a follower that nobody can serve asks ever more rarely, and leaves nothing behind when it is closed', async t => {
  const { clock, engine, machine, controlPlane, stop, start, open } = await world(t);
  await start();
  const { ended, done } = open(FOLLOW);
  await settle();
  machine.setDaemon('down');
  await settle();
  await clock.advance(600_000);
  const asked = engine.calls.filter(({ method }) => method === 'logs').length;
  t.true(asked > 10 && asked < 80, `asked ${asked} times in ten minutes`);
  t.is(ended(), 'no');
  stop.abort();
  await done;
  t.deepEqual([ended(), clock.waiting, controlPlane.changeListeners], ['yes', 0, 0]);
});

test('following waits for a service that is not there yet, and ends with the last one', async t => {
  const { machine, controlPlane, start, open } = await world(t);
  const { lines, ended } = open(FOLLOW);
  await settle();
  t.is(ended(), 'no');
  const id = await start();
  await settle();
  machine.print(id, 'hello');
  await settle();
  t.deepEqual(lines, ['hello']);
  await controlPlane.remove({ ...SERVICE, names: [SERVICE.name], volumes: false });
  await settle();
  t.is(ended(), 'no', 'its replica still drains, and what it writes is shown');
  machine.print(id, 'bye');
  machine.exit(id, { code: 0 });
  await settle();
  t.deepEqual(lines, ['hello', 'bye']);
  t.is(ended(), 'yes');
  t.is(controlPlane.changeListeners, 0);
});

test('a replica whose container is gone has nothing to say, and is no failure', async t => {
  const { machine, start, open } = await world(t);
  machine.vanish(await start());
  const { lines, ended, done } = open({ ...FOLLOW, follow: false });
  await done;
  t.deepEqual([lines, ended()], [[], 'yes']);
});

test('without follow, an engine that does not answer is an error and not an empty log', async t => {
  const { machine, start, open } = await world(t);
  await start();
  machine.setDaemon('down');
  const { ended, done } = open({ ...FOLLOW, follow: false });
  await done;
  t.like(ended(), { code: 'unavailable' });
});

test('without follow, a service that is not there is not_found', async t => {
  const { start, open } = await world(t);
  await start();
  const { ended, done } = open({ ...FOLLOW, names: ['typo'], follow: false });
  await done;
  t.true(ended() instanceof OutriggerError);
  t.like(ended(), { code: 'not_found' });
});
