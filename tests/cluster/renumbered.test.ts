import test from 'ava';
import { gpuService } from './gpu-service.ts';
import { TestCluster } from './test-cluster.ts';

test.serial(
  'a GPU that falls off while others are numbered anew gives no replica the GPU of another one, however soon it is placed',
  async t => {
    const cluster = await TestCluster.of(t, { nodes: ['a'] });
    const { gpus } = cluster.engine('a');
    const namespace = 'renumbered';
    const held = gpus.all[1]!;
    await cluster.controlPlane.apply(gpuService({ namespace, name: 'holder', gpu: { deviceIds: [held.id] } }));
    await cluster.controlPlane.ready(namespace);
    const [holder] = (await cluster.controlPlane.services(namespace))[0]!.replicas;

    await gpus.fallOff(0);
    await cluster.controlPlane.apply(gpuService({ namespace, name: 'newcomer', replicas: 2, gpu: {} }));
    const services = await cluster.controlPlane.ready(namespace);
    const replicas = services.flatMap(s => s.replicas);
    t.is(replicas.length, 3);
    const uuids = await Promise.all(
      replicas.map(async replica => (await cluster.devicesInside(await cluster.holdingOf(replica))).uuids),
    );
    t.true(
      uuids.every(own => own.length === 1),
      `one each: ${JSON.stringify(uuids)}`,
    );
    t.is(new Set(uuids.flat()).size, 3, `nobody has another one's: ${JSON.stringify(uuids)}`);
    t.false(uuids.flat().includes(gpus.all[0]!.uuid));
    const after = replicas.find(r => r.id === holder?.id);
    t.is(after?.containerId, holder?.containerId, 'who has it keeps it');
  },
);
