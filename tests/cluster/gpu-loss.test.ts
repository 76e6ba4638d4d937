import test from 'ava';
import type { DeviceView } from '../../control-plane/views/views.ts';
import { until } from '../until.ts';
import { gpuService } from './gpu-service.ts';
import { TestCluster } from './test-cluster.ts';

const MODEL = 'model';

test.serial(
  'a container that loses its GPU is recreated on another, and the GPU is nobody’s until it is trusted again',
  async t => {
    const cluster = await TestCluster.of(t);
    const [namespace, name] = ['loses', MODEL];
    const own = { check: ['sh', '-c', '[ ! -e /tmp/blind ]'], models: ['SIM-B'] };
    await cluster.controlPlane.apply(
      gpuService({ namespace, gpu: { models: ['SIM-A'] }, replicas: 2 }),
      gpuService({ namespace, name: 'asked', gpu: own }),
      // It has nothing to ask with: its driver's tool is not on its PATH.
      gpuService({ namespace, name: 'mute', gpu: { models: ['SIM-B'] } }, { environment: { PATH: '/bin' } }),
    );
    const services = await cluster.controlPlane.ready(namespace);
    const replicasOf = (service: string) => services.find(s => s.name === service)?.replicas ?? [];
    const [victim, neighbour] = replicasOf(MODEL);
    const [asked] = replicasOf('asked');
    const [mute] = replicasOf('mute');
    if (!victim || !neighbour || !asked || !mute) throw new Error('replicas are missing');

    const losses = [
      { replica: victim, service: name, lose: 'rm /dev/nvidia[0-9]*' },
      { replica: asked, service: 'asked', lose: 'touch /tmp/blind' },
    ];
    for (const { replica, lose } of [...losses, { replica: mute, lose: 'rm /dev/nvidia[0-9]*' }]) {
      const { node, containerId } = await cluster.holdingOf(replica);
      const { exitCode, output } = await cluster.engine(node).exec(containerId, ['/bin/sh', '-c', lose]);
      t.is(exitCode, 0, output);
    }
    for (const { replica, service } of losses) {
      const after = await cluster.serviceIs({ namespace, name: service }, 'is ready without the lost device', s => {
        const [node, device] = [replica.node, replica.devices[0] ?? ''];
        const holders = s.replicas.filter(r => r.node === node && r.devices.includes(device));
        return s.state === 'ready' && s.replicas.length === s.wantedReplicas && holders.length === 0;
      });
      for (const r of after.replicas) {
        const holding = await cluster.holdingOf(r);
        t.deepEqual((await cluster.devicesInside(holding)).nodes, holding.devices);
      }
      const device = await deviceOf(cluster, replica);
      t.is(device.state, 'quarantined');
      t.truthy(device.message);
      t.deepEqual(device.holders, []);
    }
    t.is((await cluster.holdingOf(neighbour)).containerId, neighbour.containerId ?? '', 'its neighbour goes on');
    t.is((await cluster.holdingOf(mute)).containerId, mute.containerId ?? '', 'what cannot be asked is left alone');

    // Of six small devices two are held and one is in quarantine.
    await cluster.controlPlane.request('POST', `/v1/services/${namespace}/${name}/scale`, { replicas: 6 });
    await cluster.serviceIs({ namespace, name }, 'has five of six', s => {
      return s.readyReplicas === 5 && s.replicas.some(r => r.phase === 'pending' && /quarantine/.test(r.message));
    });
    await cluster.undrain(victim.node ?? '', victim.devices[0]);
    const whole = await cluster.serviceIs({ namespace, name }, 'has all six', s => s.readyReplicas === 6);
    t.true(whole.replicas.some(r => r.node === victim.node && r.devices[0] === victim.devices[0]));
    t.is((await deviceOf(cluster, victim)).state, 'held');
  },
);

test.serial('a GPU that is not listed any more is given to nobody, and who has it goes on', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a'] });
  const [namespace, name] = ['vanishes', MODEL];
  await cluster.controlPlane.apply(gpuService({ namespace, gpu: { deviceIds: ['0'] } }));
  const [service] = await cluster.controlPlane.ready(namespace);
  const [holder] = service?.replicas ?? [];
  if (!holder) throw new Error('there is no replica');
  await cluster.engine('a').gpus.hide(0);
  await cluster.engine('a').gpus.hide(1);
  await cluster.nodesAre('0 and 1 have vanished', nodes =>
    [0, 1].every(i => nodes[0]?.devices.some(d => d.id === `nvidia.com/gpu=${i}` && d.state === 'vanished')),
  );
  await cluster.controlPlane.apply(gpuService({ namespace, name: 'others', replicas: 3, gpu: {} }));
  await cluster.serviceIs({ namespace, name: 'others' }, 'has the two that are left', s => {
    return s.readyReplicas === 2 && s.replicas.some(r => r.phase === 'pending');
  });
  t.is((await cluster.holdingOf(holder)).containerId, holder.containerId ?? '');
  t.is((await cluster.controlPlane.service(namespace, name)).state, 'ready');

  await cluster.engine('a').gpus.show(0);
  await cluster.engine('a').gpus.show(1);
  await cluster.serviceIs({ namespace, name: 'others' }, 'has the third', s => s.readyReplicas === 3);
  t.is((await cluster.holdingOf(holder)).containerId, holder.containerId ?? '');
});

async function deviceOf(
  cluster: TestCluster,
  { node, devices: [id] }: { node?: string; devices: readonly string[] },
): Promise<DeviceView> {
  return await until(
    () => `${node} has the device ${id}`,
    async () => (await cluster.node(node ?? '')).devices.find(d => d.id === id),
  );
}
