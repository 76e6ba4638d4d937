import { randomBytes } from 'node:crypto';
import test from 'ava';
import { createDockerEngine } from '../../../control-plane/engine/docker/index.ts';
import { requestOf, soon } from '../../contract/engine.ts';
import { NestedEngine } from '../../engines/nested-engine.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../../images/busybox.ts';

test('on a manager of a swarm, a network that somebody took away is remade like on any other engine', async t => {
  t.timeout(3 * 60_000);
  await ensureBusyboxImage();
  const nested = await NestedEngine.start({ images: [BUSYBOX_IMAGE], liveRestore: false });
  t.teardown(() => nested.dispose());
  await nested.docker.swarmInit({ ListenAddr: '127.0.0.1:2377', AdvertiseAddr: '127.0.0.1' });
  const namespace = `ortest-${randomBytes(4).toString('hex')}`;
  const connection = { kind: 'unix', socketPath: nested.host.replace('unix://', '') } as const;
  const engine = createDockerEngine({ node: 'local', connection, instance: namespace });
  t.teardown(() => engine.close());

  const request = requestOf({ namespace, image: BUSYBOX_IMAGE, engine }, { command: ['sleep', '3600'], init: true });
  const { containerId } = await engine.create(request, soon());
  await nested.docker.getNetwork(`${namespace}_default`).remove();
  await engine.start(containerId, soon());
  t.is((await engine.observe(soon())).containers[0]?.state, 'running');
});
