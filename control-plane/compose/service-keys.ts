/**
 * Every key that a service can have in a Compose file, and what Outrigger does with it. The table is total: a test
 * compares it with the schema inside the Compose plugin, and a key that stands in no row is refused.
 *
 * compiled: it becomes part of the ServiceSpec. resolved: Compose resolves it before Outrigger sees it. ignored: a
 * warning, because without it the program in the container does the same. refused: an error, because without it the
 * program would do, see or be allowed something else than the file says.
 */
export type KeyRule =
  | { readonly kind: 'compiled' }
  | { readonly kind: 'resolved' }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

const compiled: KeyRule = { kind: 'compiled' };
const resolved: KeyRule = { kind: 'resolved' };
function ignored(why: string): KeyRule {
  return { kind: 'ignored', why };
}
function refused(why: string): KeyRule {
  return { kind: 'refused', why };
}

const WINDOWS = 'Outrigger runs Linux containers only; remove it';
const TUNING = 'Outrigger leaves this kernel setting as the engine has it';

export const SERVICE_KEYS = {
  annotations: ignored('OCI annotations have no effect on how Outrigger runs a container'),
  attach: ignored('`outrigger logs` shows the output of every service'),
  blkio_config: ignored(TUNING),
  build: compiled,
  cap_add: compiled,
  cap_drop: compiled,
  cgroup: compiled,
  cgroup_parent: compiled,
  command: compiled,
  configs: compiled,
  container_name: compiled,
  cpu_count: refused(WINDOWS),
  cpu_percent: refused(WINDOWS),
  cpu_period: compiled,
  cpu_quota: compiled,
  cpu_rt_period: refused('Outrigger does not support real-time scheduling; remove it'),
  cpu_rt_runtime: refused('Outrigger does not support real-time scheduling; remove it'),
  cpu_shares: ignored('state deploy.resources.reservations.cpus to have CPUs set aside'),
  cpus: compiled,
  cpuset: refused('Outrigger does not pin CPUs; use deploy.resources.limits.cpus'),
  credential_spec: refused(WINDOWS),
  depends_on: compiled,
  deploy: compiled,
  develop: ignored('it only serves `docker compose watch`'),
  device_cgroup_rules: refused('Outrigger does not support device rules; GPUs are asked for with gpus or deploy'),
  devices: compiled,
  dns: compiled,
  dns_opt: refused('Outrigger does not support resolver options; use dns and dns_search'),
  dns_search: compiled,
  domainname: refused('Outrigger does not support it; put the whole name into hostname'),
  entrypoint: compiled,
  env_file: resolved,
  environment: compiled,
  expose: compiled,
  extends: resolved,
  external_links: refused('Outrigger does not support links; join a common network instead'),
  extra_hosts: compiled,
  gpus: compiled,
  group_add: compiled,
  healthcheck: compiled,
  hostname: compiled,
  image: compiled,
  init: compiled,
  ipc: compiled,
  isolation: refused(WINDOWS),
  label_file: resolved,
  labels: compiled,
  links: compiled,
  logging: compiled,
  mac_address: refused('replicas cannot share one MAC address; remove it'),
  mem_limit: compiled,
  mem_reservation: compiled,
  mem_swappiness: ignored(TUNING),
  memswap_limit: ignored(TUNING),
  models: refused('Docker Model Runner models are run by Docker; write the model server as a service'),
  network_mode: compiled,
  networks: compiled,
  oom_kill_disable: ignored(TUNING),
  oom_score_adj: ignored(TUNING),
  pid: compiled,
  pids_limit: compiled,
  platform: compiled,
  ports: compiled,
  post_start: refused('Outrigger does not run hooks; use x-outrigger.warmup, or the entrypoint of the image'),
  pre_stop: refused('Outrigger does not run hooks; a replica is drained and then gets stop_signal'),
  privileged: compiled,
  profiles: resolved,
  provider: compiled,
  pull_policy: compiled,
  // Compose 2.40 takes it and leaves it out of what it prints.
  pull_refresh_after: resolved,
  read_only: compiled,
  restart: compiled,
  runtime: compiled,
  scale: compiled,
  secrets: compiled,
  security_opt: compiled,
  shm_size: compiled,
  stdin_open: ignored('a service has no terminal to read from'),
  stop_grace_period: compiled,
  stop_signal: compiled,
  storage_opt: refused('Outrigger does not limit the size of the writable layer'),
  sysctls: compiled,
  tmpfs: compiled,
  tty: compiled,
  ulimits: compiled,
  use_api_socket: refused('Outrigger never gives a container the Docker socket'),
  user: compiled,
  userns_mode: compiled,
  uts: compiled,
  volumes: compiled,
  volumes_from: refused('name the volumes under volumes of both services instead'),
  working_dir: compiled,
} as const satisfies Readonly<Record<string, KeyRule>>;

export type ServiceKeyName = keyof typeof SERVICE_KEYS;

export function serviceKeyRule(key: string): KeyRule | undefined {
  return Object.hasOwn(SERVICE_KEYS, key) ? SERVICE_KEYS[key as ServiceKeyName] : undefined;
}
