import test from 'ava';
import fc from 'fast-check';
import { HARMLESS_CAPABILITIES } from '../../control-plane/admission/policy.ts';
import { admissionPolicy, admit } from '../../control-plane/admission.ts';
import { type ServiceSpec, serviceSpec } from '../../control-plane/core/spec.ts';
import { createOptions } from '../../control-plane/engine/docker/create-options.ts';

const policy = admissionPolicy.parse({});
const surroundings = {
  disk: {
    realpath: async (place: string) => place,
    readlink: async () => null,
    look: async () => null,
    list: async () => [],
    mounts: async () => [],
  },
  home: '/home/ann',
  environment: {},
  hidden: [],
};

/** Values that matter, each in the spellings that Docker or Compose take, beside harmless ones. */
const mode = fc.option(
  fc.constantFrom('host', 'container:db', 'service:db', 'private', 'shareable', 'none', 'bridge', 'shop_net', ''),
  { nil: undefined },
);
const text = fc.constantFrom('a', 'b.c', 'value');
const fields: Record<string, fc.Arbitrary<unknown>> = {
  privileged: fc.boolean(),
  networkMode: mode,
  pidMode: mode,
  ipcMode: mode,
  utsMode: mode,
  usernsMode: mode,
  cgroupMode: mode,
  cgroupParent: fc.option(fc.constantFrom('/', 'ml.slice'), { nil: undefined }),
  runtime: fc.option(fc.constantFrom('nvidia', 'runc'), { nil: undefined }),
  capAdd: fc.array(fc.constantFrom('CHOWN', 'cap_setuid', 'SYS_ADMIN', 'all', 'CAP_NET_RAW', 'sys_ptrace'), {
    maxLength: 2,
  }),
  capDrop: fc.array(fc.constantFrom('ALL', 'CHOWN'), { maxLength: 1 }),
  securityOpt: fc.array(
    fc.constantFrom(
      'no-new-privileges',
      'no-new-privileges:false',
      'seccomp=unconfined',
      'apparmor:unconfined',
      'label=disable',
    ),
    { maxLength: 2 },
  ),
  devices: fc.array(fc.constantFrom('/dev/mem', '/dev/kvm:/dev/kvm:rwm', 'nvidia.com/gpu=all'), { maxLength: 1 }),
  sysctls: fc.dictionary(fc.constantFrom('net.core.somaxconn', 'kernel.core_pattern', 'kernel.shmmax'), text, {
    maxKeys: 2,
  }),
  labels: fc.dictionary(fc.constantFrom('team', 'dev.outrigger.instance', 'com.docker.compose.project'), text, {
    maxKeys: 2,
  }),
  environment: fc.dictionary(fc.constantFrom('HOME', 'NVIDIA_VISIBLE_DEVICES', 'X=Y'), text, { maxKeys: 2 }),
  ports: fc.array(
    fc.record({
      containerPort: fc.integer({ min: 1, max: 65_535 }),
      hostIp: fc.constantFrom('127.0.0.1', '::1', '0.0.0.0', '', '10.1.2.3'),
    }),
    { maxLength: 2 },
  ),
  mounts: fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('bind'),
        source: fc.constantFrom('/', '/var/run/docker.sock', '/home/ann/models'),
        target: fc.constantFrom('/data', '/x/y'),
        createHostPath: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('volume'),
        name: fc.constantFrom('shop_models', '/etc', 'a:b'),
        target: fc.constant('/data'),
      }),
      fc.record({ kind: fc.constant('tmpfs'), target: fc.constantFrom('/tmp', '/') }),
    ),
    { maxLength: 2 },
  ),
  networks: fc.array(
    fc.record({
      name: fc.constantFrom('shop_default', 'host', 'container:db', 'none'),
      key: fc.constant('default'),
      external: fc.boolean(),
    }),
    { maxLength: 1 },
  ),
  resources: fc.record({
    limitMemoryBytes: fc.constantFrom(0, 64 * 1024 ** 2),
    memoryBytes: fc.constantFrom(0, 32 * 1024 ** 2),
    pids: fc.integer({ min: 1, max: 10_000 }),
  }),
};

/** A few fields at a time, so that some specs are admitted and every pair of fields meets. */
const hostile = fc
  .tuple(fc.record(fields), fc.subarray(Object.keys(fields), { maxLength: 3 }))
  .map(([all, chosen]) => Object.fromEntries(chosen.map(key => [key, all[key]])));

function specOf(part: Record<string, unknown>): ServiceSpec {
  const stated = Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
  return serviceSpec.parse({ namespace: 'shop', name: 'embedder', image: 'embedder:1', ...stated });
}

function bodyOf(spec: ServiceSpec) {
  const request = {
    kind: 'create' as const,
    node: 'local',
    replicaId: 'aaaa0001',
    attempt: 1,
    generation: 1,
    containerName: 'shop-embedder-aaaa0001',
    placement: { node: 'local', devices: [] },
    spec,
  };
  const context = { instance: 'ours', deviceNames: [], defaultMemoryLimitBytes: 8 * 1024 ** 3, severalNetworks: false };
  return createOptions(request, context).body;
}

test('what the default policy admits never makes a dangerous create request', async t => {
  let admissions = 0;
  await fc.assert(
    fc.asyncProperty(hostile, async part => {
      const spec = specOf(part);
      if ((await admit(spec, policy, surroundings)).kind === 'rejected') return;
      admissions += 1;
      const { HostConfig: host = {}, Labels = {}, Env = [] } = bodyOf(spec);
      const harmless = new Set<string>(HARMLESS_CAPABILITIES);
      t.not(host.Privileged, true);
      t.true((host.CapAdd as string[]).every(name => harmless.has(name.toUpperCase().replace(/^CAP_/, ''))));
      t.deepEqual(host.SecurityOpt, ['no-new-privileges']);
      t.notRegex(host.NetworkMode ?? '', /^host$|:/);
      for (const namespace of [host.PidMode, host.UTSMode, host.UsernsMode]) t.falsy(namespace);
      t.regex(host.IpcMode ?? '', /^(private|shareable|none)?$/);
      t.regex((host as { CgroupnsMode?: string }).CgroupnsMode ?? '', /^(private)?$/);
      for (const reach of [host.Runtime, host.CgroupParent, host.Devices]) t.is(reach, undefined);
      t.deepEqual(host.Binds, []);
      t.true((host.Mounts ?? []).every(mount => mount.Type === 'volume' && !/[/:]/.test(mount.Source)));
      t.notRegex(Object.keys(host.Sysctls ?? {}).join(), /core_pattern/);
      const bindings = Object.values(host.PortBindings as Record<string, { HostIp: string }[]>).flat();
      t.true(bindings.every(({ HostIp }) => ['127.0.0.1', '::1'].includes(HostIp)));
      t.is(Labels['dev.outrigger.instance'], 'ours');
      t.is(Labels['com.docker.compose.project'], undefined);
      t.deepEqual(
        Env.filter(entry => entry.startsWith('NVIDIA_')),
        ['NVIDIA_VISIBLE_DEVICES=void'],
      );
    }),
    { numRuns: 3_000 },
  );
  t.true(admissions > 200, `only ${admissions} specs were admitted: the property saw too little`);
});

test('whatever a spec says, what always holds is in the create request, and nothing unknown is', t => {
  fc.assert(
    fc.property(hostile, part => {
      const { HostConfig: host = {}, ...body } = bodyOf(specOf({ ...part, unknown: undefined }));
      t.deepEqual(host.CapDrop, ['ALL']);
      t.true((host.SecurityOpt ?? []).includes('no-new-privileges'));
      t.false((host.SecurityOpt ?? []).some((option: string) => /^no-new-privileges[:=]/.test(option)));
      t.deepEqual(host.RestartPolicy, { Name: 'no' });
      t.true((host.PidsLimit ?? 0) > 0);
      t.true((host.Memory ?? 0) > 0);
      t.like(host.LogConfig, { Type: 'json-file', Config: { 'max-file': '3' } });
      t.deepEqual(
        Object.keys(body).filter(key => !BODY_KEYS.has(key)),
        [],
      );
      t.deepEqual(
        Object.keys(host).filter(key => !HOST_KEYS.has(key)),
        [],
      );
    }),
    { numRuns: 500 },
  );
});

/** Every field that may ever reach the engine. A new one is added here with its check in admission. */
const BODY_KEYS = new Set(
  'Image Labels Env Tty StopTimeout ExposedPorts Cmd Entrypoint WorkingDir User Hostname StopSignal Healthcheck NetworkingConfig'.split(
    ' ',
  ),
);
const HOST_KEYS = new Set(
  `CapDrop CapAdd SecurityOpt RestartPolicy AutoRemove PidsLimit Memory MemoryReservation LogConfig NanoCpus Init
   ReadonlyRootfs DeviceRequests Binds Mounts Tmpfs PortBindings NetworkMode Dns DnsSearch ExtraHosts GroupAdd Sysctls
   Ulimits ShmSize Privileged PidMode IpcMode UTSMode UsernsMode CgroupnsMode CgroupParent Runtime Devices`.split(
    /\s+/,
  ),
);
