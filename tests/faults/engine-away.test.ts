import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { DEFAULT_DEADLINES } from '../../control-plane/engine/docker/engine-client.ts';
import type { EventView } from '../../control-plane/views/views.ts';
import { NestedEngine } from '../engines/nested-engine.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { until } from '../until.ts';
import { EndpointLog } from './endpoint-log.ts';
import { livesOf, SERVE, web } from './services.ts';

/** One engine for all of them, one after the other; each leaves it running, with live-restore. */
let engine: NestedEngine;

test.before(async t => {
  t.timeout(5 * 60_000);
  await ensureBusyboxImage();
  engine = await NestedEngine.start({ images: [BUSYBOX_IMAGE], liveRestore: true });
});

test.after.always(async () => {
  await engine?.dispose();
});

async function begin(t: ExecutionContext): Promise<RunningControlPlane> {
  const controlPlane = await RunningControlPlane.start({
    environment: { DOCKER_HOST: engine.host },
    arguments: ['--publish-on', engine.address],
    docker: engine.docker,
  });
  t.teardown(() => controlPlane.dispose());
  return controlPlane;
}

async function clientOf(t: ExecutionContext, controlPlane: RunningControlPlane, service: string): Promise<EndpointLog> {
  const log = new EndpointLog(controlPlane.socket, service);
  t.teardown(() => log.close());
  return log;
}

async function isSilent(controlPlane: RunningControlPlane, words: RegExp): Promise<void> {
  await until(
    async () => `the node counts as not answering; it is ${JSON.stringify(await controlPlane.nodes())}`,
    async () => (await controlPlane.nodes()).some(n => !n.answering && words.test(n.error ?? '')),
  );
}

/**
 * The engine is asked at the same time and has no answer by then: the API's own came without it. An API that waits for an
 * engine answers once it has given that up, which is not before the deadline of the engine's shortest call; any other
 * answer is far sooner, whatever the machine. reliability's figure is the one that is logged.
 */
async function answersWithoutTheEngine<T>(t: ExecutionContext, what: string, ask: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  let hasEngineAnswered = false;
  const engineAnswer = engine.docker.listContainers({ limit: 1, abortSignal: over.signal }).then(
    () => {
      hasEngineAnswered = true;
    },
    () => {},
  );
  const started = performance.now();
  try {
    const late = delay(DEFAULT_DEADLINES.queryMs, 'late' as const, { signal: over.signal, ref: false });
    late.catch(() => {});
    const answer = await Promise.race([ask().then(value => ({ value })), late]);
    t.log(`${what}: ${(performance.now() - started).toFixed(0)} ms`);
    t.false(hasEngineAnswered, `${what}: the engine is away`);
    if (answer === 'late') throw new Error(`${what} was not answered before an engine would have been given up`);
    return answer.value;
  } finally {
    over.abort();
    await engineAnswer;
  }
}

test.serial('an engine that hangs: the API answers and says so, endpoints stay, nothing is stopped', async t => {
  t.timeout(2 * 60_000);
  const controlPlane = await begin(t);
  await controlPlane.apply(web({ namespace: 'hung', replicas: 2 }));
  const [service] = await controlPlane.ready('hung');
  const replicas = service?.replicas.map(r => r.id) ?? [];
  const clients = await clientOf(t, controlPlane, 'hung/web');
  await clients.shows(replicas);
  const before = livesOf(await controlPlane.containers(), 'web');

  await engine.freezeDaemon();
  t.teardown(() => engine.thawDaemon());
  await answersWithoutTheEngine(t, 'status', () => controlPlane.get('/v1/status'));
  await answersWithoutTheEngine(t, 'services', () => controlPlane.services('hung'));
  await answersWithoutTheEngine(t, 'apply, accepted before anyone knew of the hang', () =>
    controlPlane.apply(web({ namespace: 'hung', replicas: 3 })),
  );
  await isSilent(controlPlane, /got no answer within/);
  const message = (await controlPlane.service('hung', 'web')).message;
  t.regex(message, /node local does not answer .*; what runs there is left alone/);
  await answersWithoutTheEngine(t, 'apply', () => controlPlane.apply(web({ namespace: 'hung', name: 'later' })));
  await answersWithoutTheEngine(t, 'services', () => controlPlane.services('hung'));
  const { replicas: waiting } = await controlPlane.service('hung', 'later');
  t.regex(waiting[0]?.message ?? '', /local: no answer/);
  t.deepEqual(clients.replicas, [...replicas].sort(), 'clients keep their endpoints');

  await engine.thawDaemon();
  const [later, grown] = await controlPlane.ready('hung');
  t.is(later?.readyReplicas, 1);
  t.is(grown?.readyReplicas, 3);
  const after = livesOf(await controlPlane.containers(), 'web');
  t.deepEqual(
    after.filter(life => before.some(b => b.id === life.id)),
    before,
    'no container was touched',
  );
  t.is(after.length, 3, 'what was asked for during the hang exists once');
  t.true(
    clients.told.every(({ replicas: known }) => replicas.every(id => known.includes(id))),
    'no endpoint was ever withdrawn',
  );
});

test.serial('an engine killed with live-restore: what lives is untouched, what died is restarted once', async t => {
  t.timeout(2 * 60_000);
  const controlPlane = await begin(t);
  // One that can be told to end with a code of its own.
  const mortal = web(
    { namespace: 'crashed', name: 'mortal' },
    { command: ['sh', '-c', `trap 'exit 7' TERM; (${SERVE}) & while :; do sleep 0.1; done`] },
  );
  await controlPlane.apply(web({ namespace: 'crashed', replicas: 2 }), mortal);
  const services = await controlPlane.ready('crashed');
  const replicas = services.find(s => s.name === 'web')?.replicas.map(r => r.id) ?? [];
  const clients = await clientOf(t, controlPlane, 'crashed/web');
  await clients.shows(replicas);
  const containers = await controlPlane.containers();
  const before = livesOf(containers, 'web');
  const [dying] = livesOf(containers, 'mortal');

  await engine.endDaemon('KILL');
  await engine.run(`kill -TERM ${dying?.pid}`);
  await isSilent(controlPlane, /Docker is not running|closed the connection/);
  await answersWithoutTheEngine(t, 'services', () => controlPlane.services('crashed'));
  t.regex((await controlPlane.service('crashed', 'web')).message, /does not answer/);
  t.deepEqual(clients.replicas, [...replicas].sort(), 'clients keep their endpoints');

  await engine.startDaemon({ liveRestore: true });
  const failed = await until('the one that died is in backoff', async () =>
    (await controlPlane.service('crashed', 'mortal')).replicas.find(r => r.phase === 'backoff'),
  );
  t.is(failed.exitCode, 7);
  t.regex(failed.logTail.join('\n'), /serving/);
  await controlPlane.ready('crashed');
  const after = await controlPlane.containers();
  t.deepEqual(livesOf(after, 'web'), before, 'survivors keep their container, process and start time');
  t.is((await controlPlane.service('crashed', 'mortal')).replicas[0]?.attempt, 2, 'one restart');
  t.is(livesOf(after, 'mortal').length, 1);
  t.is(after.length, 3, 'nothing is left over');
  t.true(
    clients.told.every(({ replicas: known }) => replicas.every(id => known.includes(id))),
    'no endpoint was ever withdrawn',
  );
});

for (const killAfterMs of instants()) {
  test.serial(
    `an engine killed ${killAfterMs} ms into a deployment: every replica comes, with one container`,
    async t => {
      t.timeout(5 * 60_000);
      t.log(`OUTRIGGER_KILL_AFTER_MS=${killAfterMs} replays this instant`);
      const controlPlane = await begin(t);
      await controlPlane.apply(web({ namespace: 'halfway', replicas: 6 }));
      await new Promise(resolve => setTimeout(resolve, killAfterMs));
      await engine.endDaemon('KILL');
      await engine.startDaemon({ liveRestore: true });
      // What the engine half began takes a back-off, and one that it found without an address 10 s before that and a stop.
      const [service] = await controlPlane.ready('halfway', { deadlineMs: 150_000 });
      t.is(service?.readyReplicas, 6);
      t.is((await controlPlane.containers()).length, 6);
      await controlPlane.remove('halfway');
      await controlPlane.gone('halfway');
      t.deepEqual(await controlPlane.containers(), []);
    },
  );
}

/** One that is drawn; or those that are named; or as many as are asked for, spread from the first call to the last probe. */
function instants(): readonly number[] {
  const named = process.env['OUTRIGGER_KILL_AFTER_MS'];
  if (named !== undefined) return named.split(',').map(Number);
  const count = Number(process.env['OUTRIGGER_ENGINE_KILLS'] ?? 1);
  if (count <= 1) return [Math.floor(Math.random() * 800)];
  return Array.from({ length: count }, (_, i) => Math.round((i * 1_500) / (count - 1)));
}

for (const [how, signal] of [
  ['killed', 'KILL'],
  ['shut down', 'TERM'],
] as const) {
  test.serial(`an engine ${how} without live-restore: every replica is restarted exactly once`, async t => {
    t.timeout(2 * 60_000);
    const controlPlane = await begin(t);
    await engine.endDaemon('TERM');
    await engine.startDaemon({ liveRestore: false });
    t.teardown(async () => {
      await engine.endDaemon('TERM');
      await engine.startDaemon({ liveRestore: true });
    });
    await controlPlane.apply(web({ namespace: 'restarted', replicas: 2 }));
    const [service] = await controlPlane.ready('restarted');
    const ids = service?.replicas.map(r => r.id).sort();

    await engine.endDaemon(signal);
    await isSilent(controlPlane, /Docker is not running|closed the connection/);
    await engine.startDaemon({ liveRestore: false });
    // Each fell once, told to end by the engine: it died of SIGTERM.
    const causes = await until(
      async () => `both wait to be restarted: ${JSON.stringify(await controlPlane.services('restarted'))}`,
      async () => {
        const { events } = await controlPlane.get<{ events: EventView[] }>('/v1/events?namespace=restarted&past=1000');
        const falls = events.filter(e => e.type === 'replica.backoff');
        return falls.length >= 2 ? falls : null;
      },
    );
    t.deepEqual(causes.map(e => e.replicaId).sort(), ids);
    t.true(
      causes.every(e => e.message === 'exited with code 143'),
      JSON.stringify(causes),
    );
    const [back] = await controlPlane.ready('restarted');
    t.deepEqual(back?.replicas.map(r => r.id).sort(), ids);
    t.deepEqual(
      back?.replicas.map(r => r.attempt),
      [2, 2],
    );
    t.is((await controlPlane.containers()).length, 2);
  });
}
