import test from 'ava';
import type { Action } from '../../../control-plane/core/actions.ts';
import { type ServiceSpecInput, serviceSpec } from '../../../control-plane/core/spec.ts';
import { type CreateOptionsContext, createOptions } from '../../../control-plane/engine/docker/create-options.ts';

function optionsOf(
  part: Partial<ServiceSpecInput>,
  { devices = [], ...context }: Partial<CreateOptionsContext> & { devices?: string[] } = {},
) {
  const request: Extract<Action, { kind: 'create' }> = {
    kind: 'create',
    node: 'local',
    replicaId: 'aaaa0001',
    attempt: 2,
    generation: 5,
    containerName: 'shop-embedder-aaaa0001',
    placement: { node: 'local', devices },
    spec: serviceSpec.parse({ namespace: 'shop', name: 'embedder', image: 'embedder:1', ...part }),
  };
  return createOptions(request, {
    instance: 'i1',
    deviceNames: devices,
    defaultMemoryLimitBytes: 1_000_000,
    severalNetworks: false,
    ...context,
  });
}
const hostOf = (...args: Parameters<typeof optionsOf>) => optionsOf(...args).body.HostConfig ?? {};

test('a replica carries its labels beside those of its spec', t => {
  t.deepEqual(optionsOf({ labels: { team: 'ml' } }).body.Labels, {
    team: 'ml',
    'dev.outrigger.instance': 'i1',
    'dev.outrigger.namespace': 'shop',
    'dev.outrigger.service': 'embedder',
    'dev.outrigger.replica': 'aaaa0001',
    'dev.outrigger.generation': '5',
    'dev.outrigger.attempt': '2',
  });
});

test("the memory limit is the spec's, otherwise the node's; a reservation stays below it", t => {
  t.is(hostOf({}).Memory, 1_000_000);
  t.is(hostOf({ resources: { limitMemoryBytes: 7_000_000 } }).Memory, 7_000_000);
  t.like(hostOf({ resources: { memoryBytes: 9_000_000 } }), { Memory: 1_000_000, MemoryReservation: 1_000_000 });
  t.like(hostOf({ resources: { memoryBytes: 9_000_000 } }, { defaultMemoryLimitBytes: 0 }), {
    MemoryReservation: 9_000_000,
  });
});

test('units are those of the Docker API', t => {
  const { body } = optionsOf({
    stopGraceMs: 1_500,
    healthcheck: { test: ['CMD', 'true'], intervalMs: 250, timeoutMs: 1, retries: 2, startPeriodMs: 0 },
    resources: { limitCpus: 0.5 },
  });
  t.is(body.StopTimeout, 2);
  t.is(body.HostConfig?.NanoCpus, 500_000_000);
  t.deepEqual(body.Healthcheck, { Test: ['CMD', 'true'], Interval: 250e6, Timeout: 1e6, Retries: 2, StartPeriod: 0 });
});

test('devices are asked for by id, CDI names from CDI and others from the nvidia driver', t => {
  const gpu = { resources: { gpu: { capabilities: ['gpu', 'utility'] } } };
  t.deepEqual(hostOf(gpu, { devices: ['nvidia.com/gpu=0', 'nvidia.com/gpu=1'] }).DeviceRequests, [
    { Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=0', 'nvidia.com/gpu=1'] },
  ]);
  t.deepEqual(hostOf(gpu, { devices: ['GPU-5f'] }).DeviceRequests, [
    { Driver: 'nvidia', DeviceIDs: ['GPU-5f'], Capabilities: [['gpu', 'utility']] },
  ]);
  t.deepEqual(hostOf({}).DeviceRequests, []);
});

test('an image that asks for every GPU gets none of its own accord', t => {
  t.deepEqual(optionsOf({}).body.Env, ['NVIDIA_VISIBLE_DEVICES=void']);
  t.deepEqual(optionsOf({}, { devices: ['GPU-5f'] }).body.Env, []);
  t.deepEqual(optionsOf({}, { devices: ['nvidia.com/gpu=0'] }).body.Env, ['NVIDIA_VISIBLE_DEVICES=void']);
});

test("without networks it joins the project's default one, and answers to its service's name", t => {
  const { body, joinLater } = optionsOf({});
  t.is(body.HostConfig?.NetworkMode, 'shop_default');
  t.deepEqual(body.NetworkingConfig?.EndpointsConfig, { shop_default: { Aliases: ['embedder'] } });
  t.deepEqual(joinLater, []);
});

test('further networks are joined at create where the engine can, otherwise afterwards', t => {
  const networks = [
    { name: 'shop_front', key: 'front', aliases: ['models'] },
    { name: 'shop_back', key: 'back' },
  ];
  const old = optionsOf({ networks });
  t.deepEqual(Object.keys(old.body.NetworkingConfig?.EndpointsConfig ?? {}), ['shop_front']);
  t.deepEqual(
    old.joinLater.map(({ name }) => name),
    ['shop_back'],
  );
  const recent = optionsOf({ networks }, { severalNetworks: true });
  t.deepEqual(recent.body.NetworkingConfig?.EndpointsConfig, {
    shop_front: { Aliases: ['embedder', 'models'] },
    shop_back: { Aliases: ['embedder'] },
  });
  t.deepEqual(recent.joinLater, []);
});

test('a network mode takes the place of networks', t => {
  const { body } = optionsOf({ networkMode: 'none' });
  t.is(body.HostConfig?.NetworkMode, 'none');
  t.is(body.NetworkingConfig, undefined);
});

test('the service port is published where container addresses cannot be reached, unless the spec does so', t => {
  const published = { port: 8080, ports: [{ containerPort: 8080, hostPort: 18_080 }] };
  t.deepEqual(hostOf({ port: 8080 }).PortBindings, {});
  t.deepEqual(hostOf({ port: 8080 }, { publishOn: '127.0.0.1' }).PortBindings, {
    '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
  });
  t.deepEqual(hostOf(published, { publishOn: '127.0.0.1' }).PortBindings, {
    '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '18080' }],
  });
});

test('mounts: a folder that the engine should make goes the one way in which it does', t => {
  const host = hostOf({
    mounts: [
      { kind: 'bind', source: '/srv/a', target: '/a', readOnly: true, createHostPath: true },
      { kind: 'bind', source: '/srv/b', target: '/b', readOnly: true },
      { kind: 'volume', target: '/anonymous' },
      { kind: 'volume', name: 'shop_models', target: '/models', noCopy: true },
      { kind: 'tmpfs', target: '/scratch', sizeBytes: 1_024, mode: 0o1777 },
    ],
  });
  t.deepEqual(host.Binds, ['/srv/a:/a:ro']);
  t.like(host.Mounts, [
    { Type: 'bind', Source: '/srv/b', Target: '/b', ReadOnly: true },
    { Type: 'volume', Source: '', Target: '/anonymous' },
    { Type: 'volume', Source: 'shop_models', Target: '/models' },
  ]);
  t.deepEqual(host.Tmpfs, { '/scratch': 'size=1024,mode=1777' });
});
