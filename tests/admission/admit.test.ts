import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { admitOrThrow } from '../../control-plane/admission/admit-or-throw.ts';
import { type AdmissionPolicy, admissionPolicy, admit, loadPolicy } from '../../control-plane/admission.ts';
import { type ServiceSpecInput, serviceSpec } from '../../control-plane/core/spec.ts';

const surroundings = {
  disk: {
    realpath: async (place: string) => LINKS[place] ?? (EXISTING.has(place) ? place : null),
    readlink: async (place: string) => LINKS[place] ?? null,
    look: async () => null,
    list: async () => [],
    mounts: async () => [],
  },
  home: '/home/ann',
  environment: {},
  hidden: ['/srv/outrigger-state', '/opt/engine/docker-api.socket'],
};
const LINKS: Record<string, string> = {
  '/var/run': '/run',
  '/home/ann/link-to-run': '/run',
  '/home/ann/link-to-keys': '/home/ann/.ssh',
  '/home/ann/link-out': '/mnt',
  '/home/ann/link-to-own-folder': '/proc/self/cwd',
  '/proc/self/cwd': '/home/ann',
};
const EXISTING = new Set([
  '/',
  '/run',
  '/home',
  '/home/ann',
  '/home/ann/.ssh',
  '/home/ann/models',
  '/etc',
  '/mnt',
  '/srv',
]);
const homeIsAllowed = policy({ bindRoots: ['/home/ann'] });

function policy(allow: NonNullable<(typeof admissionPolicy)['_zod']['input']['allow']> = {}): AdmissionPolicy {
  return admissionPolicy.parse({ allow });
}

function specOf(part: Partial<ServiceSpecInput>) {
  return serviceSpec.parse({ namespace: 'shop', name: 'embedder', image: 'embedder:1', ...part });
}

/** What the default policy denies: the part of a spec, and the key that the reason names. */
const denied: readonly [string, Partial<ServiceSpecInput>, string][] = [
  ['privileged', { privileged: true }, 'privileged'],
  ['the host network', { networkMode: 'host' }, 'network_mode'],
  ['a network that is the host', { networks: [{ name: 'host', key: 'h', external: true }] }, 'networks.h'],
  ['a network that is a container', { networks: [{ name: 'container:db', key: 'c', external: true }] }, 'networks.c'],
  ["a container's network", { networkMode: 'container:db' }, 'network_mode'],
  ["a service's network", { networkMode: 'service:db' }, 'network_mode'],
  ['the host PIDs', { pidMode: 'host' }, 'pid'],
  ["a container's PIDs", { pidMode: 'container:db' }, 'pid'],
  ['an unknown PID mode', { pidMode: 'HOST' }, 'pid'],
  ['the host IPC', { ipcMode: 'host' }, 'ipc'],
  ["a container's IPC", { ipcMode: 'container:db' }, 'ipc'],
  ['the host UTS', { utsMode: 'host' }, 'uts'],
  ['the host users', { usernsMode: 'host' }, 'userns_mode'],
  ['the host cgroups', { cgroupMode: 'host' }, 'cgroup'],
  ['a cgroup parent', { cgroupParent: '/' }, 'cgroup_parent'],
  ['a runtime', { runtime: 'nvidia' }, 'runtime'],
  ['SYS_ADMIN', { capAdd: ['SYS_ADMIN'] }, 'cap_add[0]'],
  ['CAP_SYS_ADMIN', { capAdd: ['CAP_SYS_ADMIN'] }, 'cap_add[0]'],
  ['sys_admin', { capAdd: ['sys_admin'] }, 'cap_add[0]'],
  ['all capabilities', { capAdd: ['CHOWN', 'all'] }, 'cap_add[1]'],
  ['NET_RAW', { capAdd: ['NET_RAW'] }, 'cap_add[0]'],
  ['seccomp=unconfined', { securityOpt: ['seccomp=unconfined'] }, 'security_opt[0]'],
  ['seccomp:unconfined', { securityOpt: ['seccomp:unconfined'] }, 'security_opt[0]'],
  ['a seccomp profile of its own', { securityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'] }, 'security_opt[0]'],
  ['apparmor=unconfined', { securityOpt: ['apparmor=unconfined'] }, 'security_opt[0]'],
  ['apparmor:unconfined', { securityOpt: ['apparmor:unconfined'] }, 'security_opt[0]'],
  ['label:disable', { securityOpt: ['label:disable'] }, 'security_opt[0]'],
  ['systempaths=unconfined', { securityOpt: ['systempaths=unconfined'] }, 'security_opt[0]'],
  ['no-new-privileges:false', { securityOpt: ['no-new-privileges:false'] }, 'security_opt[0]'],
  ['no-new-privileges=false', { securityOpt: ['no-new-privileges=false'] }, 'security_opt[0]'],
  ['a device node', { devices: ['/dev/mem'] }, 'devices[0]'],
  ['a device node under another name', { devices: ['/dev/kvm:/dev/null:r'] }, 'devices[0]'],
  ['a CDI device past the scheduler', { devices: ['nvidia.com/gpu=all'] }, 'devices[0]'],
  ['kernel.core_pattern', { sysctls: { 'kernel.core_pattern': '|/bin/sh' } }, 'sysctls.kernel.core_pattern'],
  ['vm.overcommit_memory', { sysctls: { 'vm.overcommit_memory': '1' } }, 'sysctls.vm.overcommit_memory'],
  ['a sysctl with slashes', { sysctls: { 'kernel/core_pattern': 'x' } }, 'sysctls.kernel/core_pattern'],
  ['a port on every address', { ports: [{ containerPort: 80, hostIp: '0.0.0.0' }] }, 'ports[0]'],
  ['what only looks like loopback', { ports: [{ containerPort: 80, hostIp: '127.999.0.1' }] }, 'ports[0]'],
  ['a port on no address', { ports: [{ containerPort: 80, hostIp: '' }] }, 'ports[0]'],
  ['a port on every IPv6 address', { ports: [{ containerPort: 80, hostIp: '::' }] }, 'ports[0]'],
  ['a port on one address of the host', { ports: [{ containerPort: 80, hostIp: '10.0.0.7' }] }, 'ports[0]'],
  ['a name that begins like loopback', { ports: [{ containerPort: 80, hostIp: '127.0.0.1.evil' }] }, 'ports[0]'],
  ['a label of ours', { labels: { 'dev.outrigger.instance': 'x' } }, 'labels.dev.outrigger.instance'],
  ['a label of Compose', { labels: { 'com.docker.compose.project': 'x' } }, 'labels.com.docker.compose.project'],
  ['NVIDIA_VISIBLE_DEVICES', { environment: { NVIDIA_VISIBLE_DEVICES: 'all' } }, 'environment.NVIDIA_VISIBLE_DEVICES'],
  [
    'NVIDIA_VISIBLE_DEVICES inside a name',
    { environment: { 'NVIDIA_VISIBLE_DEVICES=all': '' } },
    'environment.NVIDIA_VISIBLE_DEVICES=all',
  ],
  ['MIG configuration', { environment: { NVIDIA_MIG_CONFIG_DEVICES: 'all' } }, 'environment.NVIDIA_MIG_CONFIG_DEVICES'],
  ['devices as mounts', { mounts: [{ kind: 'tmpfs', target: '/var/run/nvidia-container-devices/all' }] }, 'volumes[0]'],
  ['a macvlan', { networks: [{ name: 'shop_lan', key: 'lan', driver: 'macvlan' }] }, 'networks.lan.driver'],
  [
    "a bridge of the host's",
    { networks: [{ name: 'n', key: 'n', driverOptions: { 'com.docker.network.bridge.name': 'br0' } }] },
    'networks.n.driver_opts.com.docker.network.bridge.name',
  ],
  ...[
    '203.0.113.0/24',
    '0.0.0.0/0',
    '172.0.0.0/8',
    '8.8.8.8/32',
    '2001:db8::/32',
    'nonsense',
    // Private, and wide enough to be a whole site.
    '10.0.0.0/8',
    '172.16.0.0/12',
    '192.168.0.0/15',
    'fd00::/8',
    // Private IPv4 in the clothes of IPv6.
    '::ffff:172.17.0.0/125',
    '::ffff:ac11:0/125',
  ].map((subnet): [string, Partial<ServiceSpecInput>, string] => [
    `the subnet ${subnet}`,
    { networks: [{ name: 'p_n', key: 'n', subnets: [subnet] }] },
    'networks.n.ipam.config.subnet',
  ]),
  ['a bind mount', { mounts: [{ kind: 'bind', source: '/srv', target: '/data' }] }, 'volumes[0].source'],
  ['a relative bind', { mounts: [{ kind: 'bind', source: 'data', target: '/data' }] }, 'volumes[0].source'],
  ['a path in place of a volume', { mounts: [{ kind: 'volume', name: '/etc', target: '/data' }] }, 'volumes[0].source'],
  ['a mount over everything', { mounts: [{ kind: 'tmpfs', target: '/' }] }, 'volumes[0].target'],
  ['a mount that climbs', { mounts: [{ kind: 'tmpfs', target: '/data/../../proc' }] }, 'volumes[0].target'],
  ['a file that climbs', { files: [{ target: '/run/../../etc/passwd', contentBase64: '' }] }, 'files[0].target'],
];

for (const [title, part, keyPath] of denied) {
  test(`by default denied: ${title}`, async t => {
    const admission = await admit(specOf(part), policy(), surroundings);
    t.is(admission.kind, 'rejected');
    if (admission.kind !== 'rejected') return;
    t.deepEqual(
      admission.reasons.map(reason => reason.keyPath),
      [`services.embedder.${keyPath}`],
    );
    for (const reason of admission.reasons) {
      t.true(reason.message.length > 10);
      t.regex(reason.next, /\.$/);
    }
  });
}

/** Denied although the whole home, or the whole machine, may be bound. */
const neverBound: readonly [string, string][] = [
  ["Docker's socket", '/var/run/docker.sock'],
  ["Docker's socket by its real name", '/run/docker.sock'],
  ["the folder of Docker's socket", '/var/run'],
  ["the real folder of Docker's socket", '/run'],
  ['the whole machine', '/'],
  ['the whole machine, written otherwise', '/home/ann/../..'],
  ["a link to the folder of Docker's socket", '/home/ann/link-to-run'],
  ["Docker's socket through a link", '/home/ann/link-to-run/docker.sock'],
  ["a user's own engine", '/run/user/1000/docker.sock'],
  ["Docker's state", '/var/lib/docker/volumes'],
  ["the folder above Docker's state", '/var/lib'],
  ["what processes see of the machine's files", '/proc'],
  ['what one process sees', '/proc/1/root/srv/data'],
  ['what the engine would see of itself, through a link', '/home/ann/link-to-own-folder/models'],
  ["containerd's socket", '/run/containerd/containerd.sock'],
  ["the control plane's state", '/srv/outrigger-state'],
  ["the folder above the control plane's state", '/srv'],
  ['the socket that the control plane uses', '/opt/engine/docker-api.socket'],
  ['the home with its credentials', '/home/ann'],
  ['SSH keys', '/home/ann/.ssh'],
  ['one SSH key', '/home/ann/.ssh/id_ed25519'],
  ['SSH keys through a link', '/home/ann/link-to-keys'],
  ["Docker's credentials", '/home/ann/.docker/config.json'],
  ['AWS credentials', '/home/ann/.aws'],
  ['GnuPG keys', '/home/ann/.gnupg'],
  ['Kubernetes credentials', '/home/ann/.kube/config'],
  ['cloud credentials', '/home/ann/.config/gcloud'],
  ['what is above cloud credentials', '/home/ann/.config'],
];

for (const [title, source] of neverBound) {
  test(`never bound: ${title}`, async t => {
    const spec = specOf({ mounts: [{ kind: 'bind', source, target: '/data' }] });
    const admission = await admit(spec, policy({ bindRoots: ['/', '/home/ann'] }), surroundings);
    t.is(admission.kind, 'rejected');
  });
}

const admitted: readonly [string, Partial<ServiceSpecInput>, AdmissionPolicy][] = [
  ['a plain service', {}, policy()],
  ['a port on loopback', { ports: [{ containerPort: 80 }, { containerPort: 81, hostIp: '::1' }] }, policy()],
  ['harmless capabilities', { capAdd: ['CHOWN', 'CAP_SETUID', 'setgid'], capDrop: ['ALL'] }, policy()],
  ['no-new-privileges', { securityOpt: ['no-new-privileges:true', 'no-new-privileges'] }, policy()],
  ['sysctls of its own', { sysctls: { 'net.core.somaxconn': '1024', 'kernel.shmmax': '1' } }, policy()],
  ['no network', { networkMode: 'none' }, policy()],
  ['private IPC', { ipcMode: 'private', cgroupMode: 'private' }, policy()],
  ['named volumes', { mounts: [{ kind: 'volume', name: 'shop_models', target: '/models' }] }, policy()],
  ['a folder below a root', { mounts: [{ kind: 'bind', source: '/home/ann/models', target: '/m' }] }, homeIsAllowed],
  [
    'a folder that is not there yet',
    { mounts: [{ kind: 'bind', source: '/home/ann/new/x', target: '/m' }] },
    homeIsAllowed,
  ],
  ['what the operator allows: privileged', { privileged: true }, policy({ privileged: true })],
  ['what the operator allows: capabilities', { capAdd: ['NET_ADMIN'] }, policy({ capabilities: ['cap_net_admin'] })],
  ['what the operator allows: all capabilities', { capAdd: ['SYS_ADMIN'] }, policy({ capabilities: ['ALL'] })],
  [
    'what the operator allows: namespaces',
    { networkMode: 'host', pidMode: 'container:x', ipcMode: 'host' },
    policy({ hostNamespaces: ['network', 'ipc'], sharedNamespaces: ['pid'] }),
  ],
  [
    'what the operator allows: ports',
    { ports: [{ containerPort: 1, hostIp: '0.0.0.0' }] },
    policy({ hostPorts: ['0.0.0.0'] }),
  ],
  ['what the operator allows: devices', { devices: ['/dev/fuse:/dev/fuse'] }, policy({ devices: ['/dev/fuse'] })],
  [
    'what the operator allows: security options',
    { securityOpt: ['seccomp:unconfined'] },
    policy({ securityOpt: ['seccomp=unconfined'] }),
  ],
  ['what the operator allows: sysctls', { sysctls: { 'vm.x': '1' } }, policy({ sysctls: ['vm.x'] })],
  [
    'what the operator allows: runtimes',
    { runtime: 'nvidia', cgroupParent: 'ml.slice' },
    policy({ runtimes: ['nvidia'], cgroupParents: ['ml.slice'] }),
  ],
];

for (const [title, part, allowing] of admitted) {
  test(`admitted: ${title}`, async t => {
    t.deepEqual(await admit(specOf(part), allowing, surroundings), { kind: 'admitted', warnings: [] });
  });
}

test('every reason is given at once', async t => {
  const spec = specOf({ privileged: true, pidMode: 'host', capAdd: ['SYS_PTRACE', 'SYS_ADMIN'] });
  const admission = await admit(spec, policy(), surroundings);
  t.is(admission.kind === 'rejected' ? admission.reasons.length : 0, 4);
});

test('a link out of an allowed root is outside', async t => {
  const spec = specOf({ mounts: [{ kind: 'bind', source: '/home/ann/link-out', target: '/data' }] });
  const admission = await admit(spec, homeIsAllowed, surroundings);
  t.is(admission.kind, 'rejected');
  if (admission.kind === 'rejected') t.regex(admission.reasons[0]?.message ?? '', /really \/mnt\) is outside/);
});

test('a folder whose name only begins like a root is outside', async t => {
  const spec = specOf({ mounts: [{ kind: 'bind', source: '/home/annabel', target: '/data' }] });
  t.is((await admit(spec, homeIsAllowed, surroundings)).kind, 'rejected');
});

test("sysctls that are safe in a namespace of its own are denied in the host's", async t => {
  const spec = specOf({ ipcMode: 'host', sysctls: { 'kernel.shmmax': '1' } });
  t.is((await admit(spec, policy({ hostNamespaces: ['ipc'] }), surroundings)).kind, 'rejected');
});

test('a fixed host port and several replicas are a warning', async t => {
  const spec = specOf({ ports: [{ containerPort: 80, hostPort: 8080 }], replicas: { min: 1, max: 3, initial: 1 } });
  const admission = await admit(spec, policy(), surroundings);
  t.regex(admission.kind === 'admitted' ? (admission.warnings[0] ?? '') : '', /8080/);
});

test('links are followed on the real file system, and the error says what, where and what next', async t => {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'outrigger-admission-')));
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(path.join(folder, 'root'));
  await mkdir(path.join(folder, 'elsewhere'));
  await symlink(path.join(folder, 'elsewhere'), path.join(folder, 'root', 'link'));
  const file = path.join(folder, 'policy.yaml');
  await writeFile(file, `allow: {bindRoots: ["${folder}/root"]}`);
  const rooted = await loadPolicy(file);
  const bind = (source: string) => specOf({ mounts: [{ kind: 'bind', source, target: '/data' }] });

  t.deepEqual(await admitOrThrow(bind(path.join(folder, 'root')), rooted), []);
  const error = await t.throwsAsync(admitOrThrow(bind(path.join(folder, 'root', 'link')), rooted));
  t.like(error, { code: 'denied' });
  t.regex(
    error.message,
    /services\.embedder\.volumes\[0\]\.source: .*\/root\/link \(really .*\/elsewhere\) is outside/,
  );
});

test('a policy file may use ~ and say only what differs', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-policy-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'policy.json');
  await writeFile(file, '{"allow": {"bindRoots": ["~/models"], "capabilities": ["cap_sys_nice"]}}');
  const { allow } = await loadPolicy(file, { home: '/home/ann' });
  t.deepEqual(allow.bindRoots, ['/home/ann/models']);
  t.deepEqual(allow.capabilities, ['SYS_NICE']);
  t.false(allow.privileged);

  await writeFile(file, '{"allow": {"priviledged": true}}');
  const error = await t.throwsAsync(loadPolicy(file), {
    message: /policy\.json:1:12: allow\.priviledged: unknown key .*did you mean "privileged"\?$/,
  });
  t.like(error, { code: 'invalid_argument' });
  await t.throwsAsync(loadPolicy(path.join(folder, 'none')), { message: /cannot be read/ });
  await writeFile(file, '{"allow": {"bindRoots": ["models"]}}');
  await t.throwsAsync(loadPolicy(file), { message: /policy\.json:1:26: .*absolute path, found "models"$/ });
});

test('each mistake of a policy is told with its place', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-policy-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'policy.yaml');
  const refused = async (text: string) => {
    await writeFile(file, text);
    const { message } = (await t.throwsAsync(loadPolicy(file)))!;
    return message.replaceAll(`${folder}/`, '');
  };
  t.regex(
    await refused('allow:\n  bindRoot: [/srv]\n  privileged: "yes"\n  hostNamespaces: [pids]\n'),
    new RegExp(
      [
        'cannot be used:',
        'policy.yaml:3:3: allow.privileged: expected true or false, found "yes"',
        'policy.yaml:4:20: allow.hostNamespaces\\[0\\]: expected one of .*; did you mean "pid"\\?',
        'policy.yaml:2:3: allow.bindRoot: unknown key "bindRoot", .*; did you mean "bindRoots"\\?$',
      ].join('\n'),
    ),
  );
  t.regex(await refused('allow: [\n'), /^The admission policy cannot be used:\npolicy\.yaml:2:1: /);
  t.regex(await refused('- allow'), /expected a mapping/);
  t.regex(await refused('allow: *none'), /none/);
});
