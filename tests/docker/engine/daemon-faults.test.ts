import test, { type ExecutionContext } from 'ava';
import { createSteadyClock } from '../../../control-plane/clock.ts';
import { OutriggerError } from '../../../control-plane/core/errors.ts';
import { createDockerEngine, resolveConnection } from '../../../control-plane/engine/docker/index.ts';
import type { Clock } from '../../../control-plane/ports.ts';
import { eventually, requestOf, soon } from '../../contract/engine.ts';
import { type DockerWorld, dockerWorld } from '../../contract/engine-docker.ts';
import { SocketProxy } from './socket-proxy.ts';

const SHORT = { queryMs: 400, changeMs: 400, startMs: 400, stopMarginMs: 400 };

/** `w` speaks to the engine directly; `behind` is the same control plane on the proxy's socket. */
async function worldBehindProxy(
  t: ExecutionContext,
  deadlines: Partial<typeof SHORT> = {},
  options: { clock?: Clock } = {},
) {
  const w = await dockerWorld();
  const proxy = await SocketProxy.before(await resolveConnection());
  const behind = createDockerEngine({
    node: 'local',
    instance: w.instance,
    connection: proxy.connection,
    deadlines,
    ...options,
  });
  t.teardown(async () => {
    behind.close();
    await proxy.close();
    await w.close();
  });
  return { w, proxy, behind };
}

async function failure(t: ExecutionContext, promise: Promise<unknown>): Promise<OutriggerError> {
  return (await t.throwsAsync(promise, { instanceOf: OutriggerError })) as OutriggerError;
}

/** The wall clock, that can be put forward. */
function movableClock(): Clock & { advance(byMs: number): void } {
  const steady = createSteadyClock();
  let aheadMs = 0;
  return {
    now: () => steady.now() + aheadMs,
    sleep: (delayMs, signal) => steady.sleep(delayMs, signal),
    alarm: (delayMs, ring) => steady.alarm(delayMs, ring),
    advance: byMs => {
      aheadMs += byMs;
    },
  };
}

async function runningContainer(w: DockerWorld): Promise<string> {
  const { containerId } = await w.engine.create(requestOf(w, w.programs.serves), soon());
  await w.engine.start(containerId, soon());
  return containerId;
}

test('a create whose answer was lost is adopted: exactly one container', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t);
  const request = requestOf(w, { ...w.programs.serves, files: [file('/run/secrets/token', 'abc')] });
  await w.engine.create({ ...request, containerName: `${request.containerName}-first`, replicaId: 'first' }, soon());
  await behind.create({ ...request, containerName: `${request.containerName}-warm`, replicaId: 'warm' }, soon());

  await proxy.setMode('break_answers');
  t.is((await failure(t, behind.create(request, soon()))).code, 'unavailable');
  const made = await eventually(w, c => c.replicaId === request.replicaId);
  await proxy.setMode('pass');
  const { containerId } = await behind.create(request, soon());
  t.is(containerId, made.id);

  // The files that the broken create never came to are there after all.
  const archive = await w.docker.getContainer(containerId).getArchive({ path: '/run/secrets/token' });
  archive.resume();
  t.is((await w.engine.observe(soon())).containers.filter(c => c.replicaId === request.replicaId).length, 1);
});

test('a hanging engine: every call ends by its own deadline, and says what to do', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t, SHORT);
  const id = await runningContainer(w);
  await proxy.setMode('hang');
  const forEver = new AbortController().signal;
  const calls = {
    observe: behind.observe(forEver),
    create: behind.create(requestOf(w, w.programs.serves, { replicaId: 'b' }), forEver),
    start: behind.start(id, forEver),
    stop: behind.stop(id, { graceMs: 0 }, forEver),
    remove: behind.remove(id, forEver),
    imageId: behind.imageId(w.image, forEver),
    pull: behind.pull({ kind: 'pull', node: 'local', image: w.image, policy: 'missing' }, () => {}, forEver),
    clean: behind.cleanNamespace(w.namespace, { volumes: true }, forEver),
    logs: behind.logs(id, { follow: true }, forEver)[Symbol.asyncIterator]().next(),
  };
  for (const [name, call] of Object.entries(calls)) {
    const error = await failure(t, call);
    t.is(error.code, 'timeout', name);
    t.true(error.retryable, name);
    t.regex(error.message, /did not answer within 400 ms/, name);
  }
  t.is((await eventually(w, c => c.id === id)).state, 'running');
});

test('an answer that breaks off in its middle ends by the deadline too', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t, SHORT);
  await runningContainer(w);
  await proxy.setMode('stall_answers');
  t.is((await failure(t, behind.observe(new AbortController().signal))).code, 'timeout');
});

test('a container whose log hangs keeps no listing waiting, and its last lines come once they can be read', async t => {
  const clock = movableClock();
  const { w, proxy, behind } = await worldBehindProxy(t, {}, { clock });
  const { containerId } = await w.engine.create(requestOf(w, w.programs.exits(7, 'last words')), soon());
  await w.engine.start(containerId, soon());
  await eventually(w, c => c.state === 'exited');

  proxy.hangOn = /^GET \S+\/logs/;
  const [first] = (await behind.observe(soon())).containers;
  t.like(first, { state: 'exited', exit: { code: 7, logTail: [] } });
  const asked = proxy.requestLines.filter(line => line.includes('/logs')).length;
  await behind.observe(soon());
  t.is(proxy.requestLines.filter(line => line.includes('/logs')).length, asked, 'not asked again at once');

  proxy.hangOn = null;
  clock.advance(60_000);
  const [later] = (await behind.observe(soon())).containers;
  t.deepEqual(later?.exit?.logTail, ['last words']);
});

test('a log that never answers is given up after a few listings', async t => {
  const clock = movableClock();
  const { w, proxy, behind } = await worldBehindProxy(t, {}, { clock });
  const { containerId } = await w.engine.create(requestOf(w, w.programs.exits(7, 'last words')), soon());
  await w.engine.start(containerId, soon());
  await eventually(w, c => c.state === 'exited');
  proxy.hangOn = /^GET \S+\/logs/;
  for (let i = 0; i < 5; i++) {
    t.is((await behind.observe(soon())).containers[0]?.exit?.code, 7);
    clock.advance(60_000);
  }
  t.is(proxy.requestLines.filter(line => line.includes('/logs')).length, 3);
});

test('a container that cannot be inspected comes with what the list says of it, and its neighbours whole', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t);
  const running = await runningContainer(w);
  const { containerId: ended } = await w.engine.create(
    requestOf(w, w.programs.exits(7), { replicaId: 'ended' }),
    soon(),
  );
  const { containerId: neighbour } = await w.engine.create(
    requestOf(w, w.programs.serves, { replicaId: 'neighbour' }),
    soon(),
  );
  await w.engine.start(ended, soon());
  await w.engine.start(neighbour, soon());
  await eventually(w, c => c.state === 'exited');
  proxy.hangOn = new RegExp(`^GET \\S+/(${running}|${ended})/json`);
  const { containers } = await behind.observe(soon());
  const seen = (id: string) => containers.find(c => c.id === id);
  t.like(seen(running), { state: 'running' });
  t.like(seen(ended), { state: 'exited', exit: { code: 7, oomKilled: false } });
  t.is(typeof seen(neighbour)?.startedAt, 'number');
});

test("the caller's signal ends a call before its deadline", async t => {
  const { proxy, behind } = await worldBehindProxy(t);
  await proxy.setMode('hang');
  const reason = new OutriggerError('unavailable', 'the control plane is shutting down');
  const stopped = new AbortController();
  const call = behind.observe(stopped.signal);
  stopped.abort(reason);
  t.is(await failure(t, call), reason);
});

test('an engine that is not there says where it was looked for and how to start it', async t => {
  const { proxy, behind } = await worldBehindProxy(t);
  await proxy.setMode('refuse');
  const error = await failure(t, behind.observe(soon()));
  t.is(error.code, 'unavailable');
  t.regex(error.message, /^Docker is not running at unix:\/\/.*docker\.sock$/);
  t.regex(error.next ?? '', /systemctl start docker/);
});

test('an engine that went away and came back is used again, by connections that were kept too', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t);
  const id = await runningContainer(w);
  await behind.observe(soon());
  await proxy.setMode('refuse');
  await failure(t, behind.observe(soon()));
  await proxy.setMode('pass');
  t.is((await behind.observe(soon())).containers[0]?.id, id);
});

test('watching outlives a restart of the engine, and wakes when it is back', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t);
  const stopped = new AbortController();
  const wakes: { resolve: () => void; reached: Promise<void> }[] = [0, 1, 2].map(() => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return { resolve, reached: promise };
  });
  let count = 0;
  const watching = behind.watch(() => wakes[count++]?.resolve(), stopped.signal);
  await wakes[0]?.reached;
  await proxy.setMode('refuse');
  await proxy.setMode('pass');
  await wakes[1]?.reached;
  await runningContainer(w);
  await wakes[2]?.reached;
  stopped.abort();
  await watching;
  t.pass();
});

test('a stop whose answer never comes is believed when an inspect says so, and not before', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t, { stopMarginMs: 2_000 });
  const id = await runningContainer(w);
  await proxy.setMode('break_answers');
  const stopping = failure(t, behind.stop(id, { graceMs: 5_000 }, soon()));
  await eventually(w, c => c.state === 'exited');
  t.is((await stopping).code, 'unavailable');
  await proxy.setMode('pass');
  await behind.stop(id, { graceMs: 5_000 }, soon());
});

test('a followed log that breaks off is an error, not an end', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t);
  const { containerId } = await w.engine.create(requestOf(w, w.programs.prints('hello')), soon());
  await w.engine.start(containerId, soon());
  const lines = behind.logs(containerId, { follow: true }, soon())[Symbol.asyncIterator]();
  t.like(await lines.next(), { value: { text: 'hello' } });
  const rest = lines.next();
  proxy.breakConnections();
  t.is((await failure(t, rest)).code, 'unavailable');
});

test('no secret, variable or command ever stands in a URL', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t);
  const spec = {
    command: ['sh', '-c', 'echo hunter2'],
    environment: { TOKEN: 'hunter2' },
    labels: { note: 'hunter2' },
    files: [file('/run/secrets/token', 'hunter2')],
  };
  const { containerId } = await behind.create(requestOf(w, spec), soon());
  await behind.start(containerId, soon());
  t.true(proxy.requestLines.some(line => line.startsWith(`POST /containers/create?name=${w.namespace}`)));
  const lines = decodeURIComponent(proxy.requestLines.join('\n'));
  t.notRegex(lines, /hunter2|aHVudGVyMg|TOKEN/);
});

test('a known network costs no call: starting one more replica is a create and a start', async t => {
  const { w, proxy, behind } = await worldBehindProxy(t);
  await behind.create(requestOf(w, w.programs.serves, { replicaId: 'one' }), soon());
  proxy.requestLines.length = 0;
  const { containerId } = await behind.create(requestOf(w, w.programs.serves, { replicaId: 'two' }), soon());
  await behind.start(containerId, soon());
  t.deepEqual(
    proxy.requestLines.map(line => line.replace(/\?.*| HTTP.*/g, '').replace(containerId, 'ID')),
    ['POST /containers/create', 'POST /containers/ID/start'],
  );
});

function file(target: string, content: string) {
  return { target, contentBase64: Buffer.from(content).toString('base64') };
}
