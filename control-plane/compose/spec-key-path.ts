import type { ServiceSpec } from '../core/spec.ts';
import type { KeyPath } from '../written-files/problem.ts';

/** Where each field of a ServiceSpec stands in a Compose service. */
const KEYS: Readonly<Record<keyof ServiceSpec, KeyPath>> = {
  namespace: [],
  name: [],
  image: ['image'],
  pullPolicy: ['pull_policy'],
  platform: ['platform'],
  command: ['command'],
  entrypoint: ['entrypoint'],
  environment: ['environment'],
  workingDir: ['working_dir'],
  user: ['user'],
  groupAdd: ['group_add'],
  hostname: ['hostname'],
  labels: ['labels'],
  init: ['init'],
  tty: ['tty'],
  readOnly: ['read_only'],
  stopGraceMs: ['stop_grace_period'],
  stopSignal: ['stop_signal'],
  shmSizeBytes: ['shm_size'],
  ulimits: ['ulimits'],
  sysctls: ['sysctls'],
  capDrop: ['cap_drop'],
  capAdd: ['cap_add'],
  privileged: ['privileged'],
  networkMode: ['network_mode'],
  pidMode: ['pid'],
  ipcMode: ['ipc'],
  utsMode: ['uts'],
  usernsMode: ['userns_mode'],
  cgroupMode: ['cgroup'],
  cgroupParent: ['cgroup_parent'],
  runtime: ['runtime'],
  securityOpt: ['security_opt'],
  devices: ['devices'],
  dns: ['dns'],
  dnsSearch: ['dns_search'],
  extraHosts: ['extra_hosts'],
  mounts: ['volumes'],
  files: ['secrets'],
  networks: ['networks'],
  ports: ['ports'],
  healthcheck: ['healthcheck'],
  logging: ['logging'],
  protocol: ['x-outrigger', 'protocol'],
  port: ['x-outrigger', 'port'],
  scope: ['x-outrigger', 'scope'],
  resources: ['deploy', 'resources'],
  replicas: ['x-outrigger', 'replicas'],
  probes: ['x-outrigger', 'probes'],
  warmup: ['x-outrigger', 'warmup'],
  drain: ['x-outrigger', 'drain'],
  update: ['x-outrigger', 'update'],
  restart: ['restart'],
  idleTimeoutMs: ['x-outrigger', 'idle_timeout'],
  dependsOn: ['depends_on'],
  placement: ['deploy', 'placement'],
  priority: ['x-outrigger', 'priority'],
};

/** A path in a ServiceSpec as a key path in the Compose file; the deeper parts only where both write them alike. */
export function specKeyPath(specPath: KeyPath, service: KeyPath): KeyPath {
  const [field, ...rest] = specPath;
  if (field === 'namespace') return ['name'];
  if (typeof field !== 'string' || !Object.hasOwn(KEYS, field)) return service;
  const alike = field === 'environment' || field === 'labels' || field === 'sysctls' || typeof rest[0] === 'number';
  return [...service, ...KEYS[field as keyof ServiceSpec], ...(alike ? rest.slice(0, 1) : [])];
}
