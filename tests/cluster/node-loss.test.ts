import test, { type ExecutionContext } from 'ava';
import { close, createFetch } from '../../client/index.ts';
import type { ServiceView } from '../../control-plane/views/views.ts';
import { runCli } from '../cli/run-cli.ts';
import { EndpointLog } from '../faults/endpoint-log.ts';
import { Load } from '../product/load.ts';
import { until } from '../until.ts';
import { gpuService } from './gpu-service.ts';
import { TestCluster } from './test-cluster.ts';

test.after.always(() => close());

const MODEL = 'model';

/** Several clients that call the service without a pause; and one that notes which replicas clients are told of. */
async function callers(t: ExecutionContext, cluster: TestCluster, namespace: string) {
  const fetch = createFetch({ address: `unix://${cluster.controlPlane.socket}`, retry: 'safe' });
  const load = new Load({
    name: `${namespace}/${MODEL}`,
    workers: 3,
    call: async () => {
      const url = `http://${MODEL}.${namespace}.outrigger/`;
      const answer = await fetch(url, { signal: AbortSignal.timeout(CALL_DEADLINE_MS) });
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      return (await answer.text()).trim();
    },
  });
  const endpoints = new EndpointLog(cluster.controlPlane.socket, `${namespace}/${MODEL}`);
  t.teardown(async () => {
    endpoints.close();
    await load.stop();
    await fetch.close();
  });
  await load.goesOn();
  return { load, endpoints };
}

const CALL_DEADLINE_MS = 10_000;

async function isWhole(cluster: TestCluster, namespace: string): Promise<ServiceView> {
  return await cluster.serviceIs({ namespace, name: MODEL }, 'has all that it wants, and nothing else', s => {
    return s.replicas.length === s.wantedReplicas && s.replicas.every(r => r.phase === 'ready' && !r.impaired);
  });
}

const nodesOf = (service: ServiceView) => service.replicas.map(r => r.node).sort();

test.serial(
  'a node that is cut off loses its replicas, they are replaced, and what returns too many goes; calls go on',
  async t => {
    const cluster = await TestCluster.of(t);
    const namespace = 'lost';
    await cluster.controlPlane.apply(gpuService({ namespace, replicas: 3, gpu: {} }));
    const before = await isWhole(cluster, namespace);
    t.deepEqual(nodesOf(before), ['a', 'b', 'c']);
    const { load, endpoints } = await callers(t, cluster, namespace);
    const cut = before.replicas.find(r => r.node === 'a');
    const others = before.replicas.filter(r => r.node !== 'a').map(r => r.id);

    await cluster.engine('a').cutOff();
    await cluster.serviceIs({ namespace, name: MODEL }, 'has lost one', s => {
      return s.replicas.some(r => r.id === cut?.id && r.phase === 'lost');
    });
    t.is((await cluster.node('a')).state, 'silent');
    const replaced = await cluster.serviceIs({ namespace, name: MODEL }, 'has replaced it', s => s.readyReplicas === 3);
    const replacement = replaced.replicas.find(r => r.phase === 'ready' && !others.includes(r.id));
    t.not(replacement?.node, 'a');
    await endpoints.shows([...others, replacement?.id ?? '']);
    // Those that were on their way to the node when it was cut off had nobody to answer them.
    const cutShort = load.takeFailures();
    t.true(
      cutShort.every(failure => /timeout|abort/i.test(failure)),
      cutShort.join('\n'),
    );
    await load.goesOn();
    t.is((await cluster.holdingOf({ id: cut?.id ?? '' })).state, 'running', 'it was not dead');

    await cluster.engine('a').reconnect();
    const after = await isWhole(cluster, namespace);
    t.deepEqual(after.replicas.map(r => r.id).sort(), [...others, replacement?.id].sort(), 'the returned one went');
    const containers = (service: ServiceView) => service.replicas.map(r => [r.id, r.containerId, r.attempt]);
    t.deepEqual(
      containers(after).filter(([id]) => others.includes(String(id))),
      containers(before).filter(([id]) => others.includes(String(id))),
      'and nobody else was touched',
    );
    await until(
      async () => `its container is gone; there are ${JSON.stringify(await cluster.holdings.all())}`,
      async () => (await cluster.holdings.all()).length === 3,
    );
    await load.goesOn();
    t.deepEqual(load.takeFailures(), []);
  },
);

test.serial('a node that is cut off for a while and comes back in time loses nothing: nobody is killed', async t => {
  const cluster = await TestCluster.of(t, { policy: { lost_after: '5m', replace_after: '5m' } });
  const namespace = 'cut';
  await cluster.controlPlane.apply(gpuService({ namespace, replicas: 3, gpu: {} }));
  const before = await isWhole(cluster, namespace);
  await cluster.engine('a').cutOff();
  // Longer than it takes for every probe of what runs there to have failed as often as may be.
  await until(
    async () => `a is silent for long: ${JSON.stringify(await cluster.node('a'))}`,
    async () => {
      const { silentSinceMs } = await cluster.node('a');
      return silentSinceMs !== undefined && Date.now() - silentSinceMs > 25_000;
    },
  );
  await cluster.engine('a').reconnect();
  await cluster.answering(['a', 'b', 'c']);
  const after = await isWhole(cluster, namespace);
  t.deepEqual(
    after.replicas.map(r => [r.id, r.containerId, r.attempt]),
    before.replicas.map(r => [r.id, r.containerId, r.attempt]),
  );
});

test.serial('what a node that is cut off keeps from ending is told by down, and ends once it is back', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a', 'b'] });
  const namespace = 'kept';
  await cluster.controlPlane.apply(gpuService({ namespace, replicas: 2, gpu: {} }));
  const before = await isWhole(cluster, namespace);
  const onA = before.replicas.find(r => r.node === 'a')?.id ?? '';
  await cluster.engine('a').cutOff();
  await cluster.serviceIs({ namespace, name: MODEL }, 'has lost one', s => s.replicas.some(r => r.phase === 'lost'));
  const environment = { OUTRIGGER_ADDRESS: `unix://${cluster.controlPlane.socket}` };
  const { code, stderr } = await runCli({ args: ['down', '-p', namespace], environment });
  t.is(code, 1, stderr);
  t.regex(stderr, new RegExp(`${MODEL} ${onA}  stopping: it ends once node a answers`));
  t.regex(stderr, /still on their way out: model;/);
  t.regex(stderr, /outrigger nodes/);
  await cluster.engine('a').reconnect();
  await until(
    async () => `nothing is left; there are ${JSON.stringify(await cluster.holdings.all())}`,
    async () => (await cluster.holdings.all()).length === 0,
  );
});

test.serial('a node whose engine alone is silent keeps its replicas, as they answer for themselves', async t => {
  const cluster = await TestCluster.of(t);
  const namespace = 'silent';
  await cluster.controlPlane.apply(gpuService({ namespace, replicas: 3, gpu: {} }));
  const before = await isWhole(cluster, namespace);
  const { load, endpoints } = await callers(t, cluster, namespace);
  await cluster.engine('b').freezeDaemon();
  const silent = await until(
    async () => `b is silent for long: ${JSON.stringify(await cluster.node('b'))}`,
    async () => {
      const node = await cluster.node('b');
      // Well after everything that is waited out: lost after 3 s, replaced 3 s later.
      return node.silentSinceMs !== undefined && Date.now() - node.silentSinceMs > 10_000 ? node : null;
    },
  );
  t.is(silent.state, 'silent');
  t.deepEqual(
    await isWhole(cluster, namespace).then(s => s.replicas.map(r => r.id)),
    before.replicas.map(r => r.id),
  );
  await load.goesOn();
  await cluster.engine('b').thawDaemon();
  await cluster.answering(['a', 'b', 'c']);
  const after = await isWhole(cluster, namespace);
  t.deepEqual(
    after.replicas.map(r => r.containerId),
    before.replicas.map(r => r.containerId),
  );
  t.true(
    endpoints.told.every(({ replicas }) => replicas.length === 3),
    'no endpoint was ever withdrawn',
  );
  t.deepEqual(load.takeFailures(), []);
});

test.serial(
  'draining a node moves its replicas start-first and no call fails; undrained, it takes replicas again',
  async t => {
    const cluster = await TestCluster.of(t);
    const namespace = 'drained';
    await cluster.controlPlane.apply(gpuService({ namespace, replicas: 3, gpu: { models: ['SIM-B'] } }));
    const before = await isWhole(cluster, namespace);
    t.true(nodesOf(before).includes('b'));
    const { load, endpoints } = await callers(t, cluster, namespace);
    await endpoints.shows(before.replicas.map(r => r.id));
    const told = endpoints.told.length;

    await cluster.drain('b');
    await cluster.nodesAre('b is drained', nodes => nodes.some(n => n.name === 'b' && n.state === 'drained'));
    const moved = await isWhole(cluster, namespace);
    t.false(nodesOf(moved).includes('b'));
    t.deepEqual(
      (await cluster.holdings.all()).filter(h => h.node === 'b'),
      [],
    );
    t.true(
      endpoints.told.slice(told).every(({ replicas }) => replicas.length >= 3),
      'the new one came first',
    );
    const stayed = before.replicas.filter(r => r.node !== 'b').map(r => r.containerId);
    t.deepEqual(
      moved.replicas.map(r => r.containerId).filter(id => stayed.includes(id)),
      stayed,
    );
    await load.goesOn();
    t.deepEqual(load.takeFailures(), []);

    await cluster.undrain('b');
    await cluster.controlPlane.request('POST', `/v1/services/${namespace}/${MODEL}/scale`, { replicas: 6 });
    t.is(nodesOf(await isWhole(cluster, namespace)).filter(n => n === 'b').length, 2, 'b has the only free devices');
  },
);

test.serial('a drained node keeps what has nowhere else to go, and says so; once there is room, it goes', async t => {
  const cluster = await TestCluster.of(t);
  const namespace = 'full';
  await cluster.controlPlane.apply(gpuService({ namespace, replicas: 6, gpu: { models: ['SIM-B'] } }));
  const before = await isWhole(cluster, namespace);
  await cluster.drain('c');
  const stuck = await cluster.serviceIs({ namespace, name: MODEL }, 'waits for room elsewhere', s =>
    s.replicas.some(r => r.phase === 'pending' && r.message !== ''),
  );
  t.is(stuck.readyReplicas, 6, 'nothing was stopped for it');
  t.is((await cluster.node('c')).state, 'draining');
  const onC = before.replicas.filter(r => r.node === 'c').map(r => r.containerId);
  const still = (await cluster.holdings.live()).filter(h => h.node === 'c').map(h => h.containerId);
  t.deepEqual(still.sort(), onC.sort());

  await cluster.controlPlane.request('POST', `/v1/services/${namespace}/${MODEL}/scale`, { replicas: 4 });
  const after = await isWhole(cluster, namespace);
  t.deepEqual(nodesOf(after), ['a', 'a', 'b', 'b']);
  await cluster.nodesAre('c is drained', nodes => nodes.some(n => n.name === 'c' && n.state === 'drained'));
});

test.serial('nodes join and leave with their file, while services run', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a', 'b'] });
  const namespace = 'grows';
  await cluster.controlPlane.apply(
    gpuService({ namespace, replicas: 2, gpu: {} }),
    gpuService({ namespace, name: 'there', gpu: {} }, { placement: { constraints: ['node.hostname == c'] } }),
  );
  await cluster.serviceIs({ namespace, name: 'there' }, 'waits for its node', s =>
    s.replicas.some(r => r.phase === 'pending' && r.message !== ''),
  );
  const before = await isWhole(cluster, namespace);
  await cluster.startEngine('c');
  await cluster.writeNodes(['a', 'b', 'c']);
  await cluster.answering(['a', 'b', 'c']);
  const there = await cluster.serviceIs({ namespace, name: 'there' }, 'is ready', s => s.state === 'ready');
  t.is(there.replicas[0]?.node, 'c');

  await cluster.controlPlane.request('POST', `/v1/services/${namespace}/${MODEL}/scale`, { replicas: 3 });
  const grown = await isWhole(cluster, namespace);
  t.deepEqual(nodesOf(grown), ['a', 'b', 'c']);
  const { load, endpoints } = await callers(t, cluster, namespace);
  const told = endpoints.told.length;
  await cluster.controlPlane.request('DELETE', `/v1/services/${namespace}?names=there`);
  await cluster.writeNodes(['a', 'b']);
  await cluster.answering(['a', 'b']);
  const shrunk = await isWhole(cluster, namespace);
  t.false(nodesOf(shrunk).includes('c'));
  t.true(
    endpoints.told.slice(told).every(({ replicas }) => replicas.length >= 3),
    'the new one came first',
  );
  await load.goesOn();
  t.deepEqual(load.takeFailures(), []);
  const known = before.replicas.map(r => r.containerId);
  t.deepEqual(
    shrunk.replicas
      .map(r => r.containerId)
      .filter(id => known.includes(id))
      .sort(),
    [...known].sort(),
  );
  t.deepEqual(await cluster.engine('c').docker.listContainers({ all: true }), [], 'nothing is left on it');
});

test.serial(
  'a node that was lost and then taken from the file is forgotten, and its replicas replaced at once',
  async t => {
    const cluster = await TestCluster.of(t, { policy: { replace_after: '10m' } });
    const namespace = 'forgotten';
    await cluster.controlPlane.apply(gpuService({ namespace, replicas: 3, gpu: {} }));
    const before = await isWhole(cluster, namespace);
    await cluster.engine('a').cutOff();
    await cluster.serviceIs({ namespace, name: MODEL }, 'has lost one', s => s.replicas.some(r => r.phase === 'lost'));
    await cluster.writeNodes(['b', 'c']);
    const after = await isWhole(cluster, namespace);
    t.false(nodesOf(after).includes('a'));
    const stayed = before.replicas.filter(r => r.node !== 'a').map(r => r.containerId);
    t.deepEqual(
      after.replicas
        .map(r => r.containerId)
        .filter(id => stayed.includes(id))
        .sort(),
      stayed.sort(),
    );
    await cluster.answering(['b', 'c']);

    // It comes back as it was left: what runs there is not of anybody's any more, and goes.
    await cluster.engine('a').reconnect();
    await cluster.writeNodes(['a', 'b', 'c']);
    await cluster.answering(['a', 'b', 'c']);
    await until('nothing is left on a', async () => (await cluster.holdings.all()).every(h => h.node !== 'a'));
    t.deepEqual(
      (await isWhole(cluster, namespace)).replicas.map(r => r.id),
      after.replicas.map(r => r.id),
    );
  },
);
