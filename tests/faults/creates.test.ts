import test, { type ExecutionContext } from 'ava';
import Docker from 'dockerode';
import { LABELS, resolveConnection } from '../../control-plane/engine/docker/index.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { until } from '../until.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { livesOf, web } from './services.ts';

test.before(() => ensureBusyboxImage().then(() => {}));

async function begin(t: ExecutionContext) {
  t.timeout(2 * 60_000);
  const engine = await resolveConnection();
  if (engine.kind !== 'unix') throw new Error('this test needs an engine on a unix socket');
  const proxy = await CuttingProxy.before(engine.socketPath);
  t.teardown(() => proxy.close());
  const controlPlane = await RunningControlPlane.start({ environment: { DOCKER_HOST: `unix://${proxy.socket}` } });
  t.teardown(() => controlPlane.dispose());
  return { proxy, controlPlane };
}

async function isExactlyThree(
  t: ExecutionContext,
  controlPlane: RunningControlPlane,
  namespace: string,
): Promise<void> {
  const containers = await controlPlane.containers();
  t.is(containers.length, 3, 'exactly one container a replica');
  t.is(new Set(containers.map(c => c.Config.Labels[LABELS.replica])).size, 3);
  const [service] = await controlPlane.services(namespace);
  t.deepEqual(
    service?.replicas.map(r => r.attempt),
    [1, 1, 1],
    'the first attempt was enough',
  );
}

for (const [what, request] of [
  ['create', /^POST \/containers\/create/],
  ['start', /^POST \/containers\/[0-9a-f]+\/start/],
] as const) {
  test(`the answers to every ${what} of a deployment are lost, several times over: one container a replica`, async t => {
    const { proxy, controlPlane } = await begin(t);
    // More than one for each, as the adapter itself tries a closed connection twice.
    proxy.cutNext(request, 9);
    const namespace = `lost-${what}`;
    await controlPlane.apply(web({ namespace, replicas: 3 }));
    await controlPlane.ready(namespace);
    t.true(proxy.cut.length >= 3, 'not one answer came through at first');
    await isExactlyThree(t, controlPlane, namespace);
  });
}

test('the answers to stop and remove are lost: everything goes all the same, once', async t => {
  const { proxy, controlPlane } = await begin(t);
  await controlPlane.apply(web({ namespace: 'lost-ends', replicas: 3 }));
  await controlPlane.ready('lost-ends');
  proxy.cutNext(/^POST \/containers\/[0-9a-f]+\/stop/, 3);
  proxy.cutNext(/^DELETE \/containers\//, 3);
  await controlPlane.remove('lost-ends');
  await controlPlane.gone('lost-ends');
  t.is(proxy.cut.length, 6);
  t.deepEqual(await controlPlane.containers(), []);
});

test("somebody else's container holds the name: it is left alone, and a replica that goes on trying comes once the name is free", async t => {
  const { proxy, controlPlane } = await begin(t);
  const docker = new Docker();
  let foreign: Docker.Container | undefined;
  proxy.before = async line => {
    const name = /^POST \/containers\/create\?name=([^& ]+)/.exec(line)?.[1];
    if (name === undefined || foreign) return;
    foreign = await docker.createContainer({ name, Image: BUSYBOX_IMAGE, Cmd: ['sleep', '600'] });
    t.teardown(() => foreign?.remove({ force: true }).catch(() => {}));
    await foreign.start();
  };
  await controlPlane.apply(web({ namespace: 'named' }, { restart: { startAttempts: null } }));
  const said = async () => (await controlPlane.service('named', 'web')).replicas[0]?.message ?? '';
  await until(
    async () => `the replica says what it waits for; it says "${await said()}"`,
    async () =>
      /belongs to a container that is not of this control plane \(Remove it with `docker rm/.test(await said()),
  );
  t.true((await foreign?.inspect())?.State.Running, 'it runs on');
  t.is((await controlPlane.containers()).length, 0);
  await foreign?.remove({ force: true });
  await controlPlane.ready('named');
  t.is(livesOf(await controlPlane.containers(), 'web').length, 1);
});
