import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { BUSYBOX_IMAGE } from '../images/busybox.ts';
import { NODE_GPUS, TestCluster } from './test-cluster.ts';

const OUTRIGGER = path.join(import.meta.dirname, '../../bin/outrigger');

const FILE = `
name: forms
x-server: &server
  image: ${BUSYBOX_IMAGE}
  pull_policy: never
  command: [sleep, "3600"]
  init: true
services:
  every:
    <<: *server
    gpus: all
    deploy: {placement: {constraints: [node.labels.zone == east]}}
  two:
    <<: *server
    gpus: [{count: 2, driver: nvidia}]
    x-outrigger: {gpu: {models: [SIM-B]}}
  named:
    <<: *server
    deploy:
      placement: {constraints: [node.hostname == b]}
      resources: {reservations: {devices: [{driver: nvidia, device_ids: ["0"], capabilities: [gpu]}]}}
  cdi:
    <<: *server
    deploy:
      placement: {constraints: [node.hostname == b]}
      resources: {reservations: {devices: [{driver: cdi, device_ids: [nvidia.com/gpu=1], capabilities: [gpu]}]}}
  sharing:
    <<: *server
    deploy:
      replicas: 2
      placement: {constraints: [node.hostname == c], max_replicas_per_node: 2}
      resources: {reservations: {devices: [{count: 1, capabilities: [gpu]}]}}
    x-outrigger: {gpu: {memory: 12GiB, models: [SIM-A]}}
`;

test('every way in which a Compose file asks for GPUs ends in containers that have them', async t => {
  const cluster = await TestCluster.of(t);
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-forms-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'compose.yaml');
  await writeFile(file, FILE);
  await promisify(execFile)(OUTRIGGER, ['up', '--file', file, '--detach'], {
    env: { ...process.env, OUTRIGGER_ADDRESS: `unix://${cluster.controlPlane.socket}` },
  });

  const live = await cluster.holdings.live();
  const of = async (service: string) =>
    await Promise.all(
      live
        .filter(h => h.service === service)
        .map(async holding => ({ node: holding.node, devices: (await cluster.devicesInside(holding)).nodes.sort() })),
    );
  t.deepEqual(await of('every'), [{ node: 'a', devices: NODE_GPUS.map((_, index) => index) }]);
  const [two] = await of('two');
  t.deepEqual(two?.devices, [2, 3]);
  t.deepEqual(await of('named'), [{ node: 'b', devices: [0] }]);
  t.deepEqual(await of('cdi'), [{ node: 'b', devices: [1] }]);
  const sharing = await of('sharing');
  t.deepEqual(sharing, [sharing[0], sharing[0]], 'both have the same device of 24 GiB');
  t.is(sharing[0]?.node, 'c');
  t.true([0, 1].includes(sharing[0]?.devices[0] ?? -1));
});
