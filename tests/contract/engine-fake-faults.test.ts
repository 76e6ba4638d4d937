import test from 'ava';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { collect, requestOf } from './engine.ts';

const forEver = new AbortController().signal;

function world(options: { deadlineMs?: number; latencyMs?: number } = {}) {
  const clock = new VirtualClock();
  const engine = new FakeEngine({ clock, deadlineMs: 10_000, ...options });
  engine.machine.images.set('model:1', 'sha256:1');
  const request = requestOf({ engine, namespace: 'ns', image: 'model:1' }, { command: ['serve'] });
  return { clock, engine, machine: engine.machine, request };
}

test('a create that breaks after it was done is adopted by the next', async t => {
  const { engine, machine, request } = world();
  engine.failNext('create', { kind: 'break_after_commit' });
  t.like(await t.throwsAsync(engine.create(request, forEver)), { code: 'unavailable', retryable: true });
  t.is(machine.containers.size, 1);
  const { containerId } = await engine.create(request, forEver);
  t.deepEqual([...machine.containers.keys()], [containerId]);
  t.is(engine.faultsLeft, 0);
});

test('a call that hangs ends at its own deadline, and only time of the clock passes', async t => {
  const { clock, engine, machine, request } = world();
  engine.failNext('create', { kind: 'hang' }, { kind: 'hang_after_commit' });
  const first = t.throwsAsync(engine.create(request, forEver));
  await clock.advance(10_000);
  t.like(await first, { code: 'timeout' });
  t.is(machine.containers.size, 0);
  const second = t.throwsAsync(engine.create(request, forEver));
  await clock.advance(10_000);
  t.like(await second, { code: 'timeout' });
  t.is(machine.containers.size, 1);
  t.is(clock.waiting, 0);
});

test('a daemon that hangs carries out what was asked of it when it comes to itself, given up or not', async t => {
  const { clock, engine, machine, request } = world();
  machine.setDaemon('hung');
  const given = t.throwsAsync(engine.create(request, forEver));
  await clock.advance(10_000);
  t.like(await given, { code: 'timeout' });
  t.is(machine.containers.size, 0);
  machine.setDaemon('running');
  await clock.advance(0);
  t.is(machine.containers.size, 1);
});

test('a daemon that is down refuses, and its containers run on', async t => {
  const { engine, machine, request } = world();
  const { containerId } = await engine.create(request, forEver);
  await engine.start(containerId, forEver);
  machine.setDaemon('down');
  t.like(await t.throwsAsync(engine.observe(forEver)), { code: 'unavailable' });
  machine.setDaemon('running');
  t.is((await engine.observe(forEver)).containers[0]?.state, 'running');
});

test('events can be lost; a daemon that is back wakes anyway', async t => {
  const { clock, engine, machine, request } = world();
  const stopped = new AbortController();
  let wakes = 0;
  const watching = engine.watch(() => wakes++, stopped.signal);
  await clock.advance(0);
  t.is(wakes, 1);
  engine.loseEvents = true;
  await engine.create(request, forEver);
  await clock.advance(0);
  t.is(wakes, 1);
  machine.setDaemon('down');
  await clock.advance(0);
  machine.setDaemon('running');
  await clock.advance(0);
  t.is(wakes, 2);
  stopped.abort();
  await watching;
});

test('containers end when their behaviour says so, and an earlier run does not end a later one', async t => {
  const { clock, engine, machine, request } = world();
  const spec = { ...request.spec, command: ['exit-after', '1000', '7'] };
  const { containerId } = await engine.create({ ...request, spec }, forEver);
  await engine.start(containerId, forEver);
  await clock.advance(500);
  machine.exit(containerId, { code: 137 });
  await engine.start(containerId, forEver);
  await clock.advance(600);
  t.is((await engine.observe(forEver)).containers[0]?.state, 'running');
  await clock.advance(400);
  t.like((await engine.observe(forEver)).containers[0]?.exit, { code: 7 });
});

test('a stop goes on in the engine though its caller has gone', async t => {
  const { clock, engine, request } = world();
  const spec = { ...request.spec, command: ['slow-stop', '3000'] };
  const { containerId } = await engine.create({ ...request, spec }, forEver);
  await engine.start(containerId, forEver);
  const gone = new AbortController();
  const stopping = t.throwsAsync(engine.stop(containerId, { graceMs: 5_000 }, gone.signal), {
    instanceOf: OutriggerError,
  });
  await clock.advance(1_000);
  gone.abort();
  await stopping;
  await clock.advance(2_000);
  t.like((await engine.observe(forEver)).containers[0]?.exit, { code: 0 });
});

test('pulls take their time, and report bytes', async t => {
  const { clock, engine, machine } = world();
  machine.remoteImages.set('far:1', { id: 'sha256:2', bytes: 100, durationMs: 4_000 });
  const states: unknown[] = [];
  const pull = { kind: 'pull' as const, node: 'local', image: 'far:1', policy: 'missing' as const };
  const pulling = engine.pull(pull, state => states.push(state), forEver);
  await clock.advance(10_000);
  await pulling;
  t.deepEqual(states.at(-1), { kind: 'pulling', receivedBytes: 100, totalBytes: 100 });
  t.is(await engine.imageId('far:1', forEver), 'sha256:2');
});

test('ports and addresses can change under a running container', async t => {
  const { engine, machine, request } = world();
  const spec = {
    ...request.spec,
    ports: [{ containerPort: 80, hostPort: 0, hostIp: '127.0.0.1', protocol: 'tcp' as const }],
  };
  const { containerId } = await engine.create({ ...request, spec }, forEver);
  await engine.start(containerId, forEver);
  const before = (await engine.observe(forEver)).containers[0];
  machine.changePorts(containerId);
  const after = (await engine.observe(forEver)).containers[0];
  t.not(after?.publishedPorts[0]?.hostPort, before?.publishedPorts[0]?.hostPort);
  t.not(after?.addresses[0]?.ip, before?.addresses[0]?.ip);
});

test('the same calls give the same ids, addresses and ports', async t => {
  const play = async () => {
    const { engine, request } = world();
    const { containerId } = await engine.create(request, forEver);
    await engine.start(containerId, forEver);
    await collect(engine.logs(containerId, {}, forEver));
    return JSON.stringify(await engine.observe(forEver));
  };
  t.is(await play(), await play());
});

test('a measurement is as old as the last look, which is half a minute at most', async t => {
  const clock = new VirtualClock();
  const devices = [{ id: 'nvidia.com/gpu=0', driver: 'cdi' as const, memoryBytes: 1_000 }];
  const engine = new FakeEngine({ clock, devices });
  const measured = async () => (await engine.observe(forEver)).devices[0]?.measured;
  t.is(await measured(), undefined);
  engine.machine.usedBytes.set('nvidia.com/gpu=0', 100);
  await engine.measure(forEver);
  const first = { usedBytes: 100, freeBytes: 900, at: clock.now() };
  t.deepEqual(await measured(), first);
  engine.machine.usedBytes.set('nvidia.com/gpu=0', 200);
  await clock.advance(29_999);
  t.deepEqual(await measured(), first);
  await clock.advance(1);
  t.deepEqual(await measured(), { usedBytes: 200, freeBytes: 800, at: clock.now() });
});

test('containers of several nodes have ids of their own', async t => {
  const clock = new VirtualClock();
  const ids = await Promise.all(
    ['local', 'gpu-a', 'gpu-b'].map(async node => {
      const engine = new FakeEngine({ clock, node });
      engine.machine.images.set('model:1', 'sha256:1');
      return (await engine.create(requestOf({ engine, namespace: 'ns', image: 'model:1' }, {}), forEver)).containerId;
    }),
  );
  t.is(new Set(ids).size, 3);
  t.true(ids.every(id => /^[0-9a-f]{64}$/.test(id)));
});
