import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { SERVICE_KEYS, type ServiceKeyName } from '../../control-plane/compose/service-keys.ts';
import { load, loadSpecs, projectFolder, shown } from './project-folder.ts';

type Kind<K extends ServiceKeyName> = (typeof SERVICE_KEYS)[K]['kind'];
type KeysOf<Wanted extends string> = { [K in ServiceKeyName]: Kind<K> extends Wanted ? K : never }[ServiceKeyName];

/** A value that Compose accepts and that is not the default, for every key. The types keep it as total as the table. */
const COMPILED = {
  build: '.',
  cap_add: '[NET_ADMIN]',
  cap_drop: '[ALL]',
  cgroup: 'private',
  cgroup_parent: 'p',
  command: '[a]',
  configs: '[c]',
  container_name: 'name',
  cpu_period: '50000, cpu_quota: 10000',
  cpu_quota: '10000',
  cpus: '1.5',
  depends_on: '[other]',
  deploy: '{replicas: 2}',
  devices: '["/dev/null:/dev/n"]',
  dns: '[1.1.1.1]',
  dns_search: '[a.b]',
  entrypoint: '[e]',
  environment: '{A: b}',
  expose: '["5"]',
  extra_hosts: '["h:1.2.3.4"]',
  gpus: 'all',
  group_add: '[g]',
  healthcheck: '{test: t}',
  hostname: 'h',
  image: 'other:2',
  init: 'true',
  ipc: 'private',
  labels: '{a: b}',
  links: '[other]',
  logging: '{options: {max-size: 1m}}',
  mem_limit: '1g',
  mem_reservation: '1g',
  network_mode: 'none',
  networks: '[n]',
  pid: 'host',
  pids_limit: '5',
  platform: 'linux/amd64',
  ports: '["1"]',
  privileged: 'true',
  provider: '{type: outrigger}',
  pull_policy: 'always',
  read_only: 'true',
  restart: 'always',
  runtime: 'r',
  scale: '2',
  secrets: '[s]',
  security_opt: '[o]',
  shm_size: '1m',
  stop_grace_period: '1s',
  stop_signal: 'SIGINT',
  sysctls: '{a: b}',
  tmpfs: '/t',
  tty: 'true',
  ulimits: '{nofile: 1}',
  user: 'u',
  userns_mode: 'host',
  uts: 'host',
  volumes: '[/v]',
  working_dir: '/w',
} satisfies Record<KeysOf<'compiled'>, string>;

const IGNORED = {
  annotations: '{a: b}',
  attach: 'false',
  blkio_config: '{weight: 300}',
  cpu_shares: '5',
  develop: '{watch: [{path: ., action: rebuild}]}',
  mem_swappiness: '5',
  memswap_limit: '1g',
  oom_kill_disable: 'true',
  oom_score_adj: '5',
  stdin_open: 'true',
} satisfies Record<KeysOf<'ignored'>, string>;

const REFUSED = {
  cpu_count: '1',
  cpu_percent: '1',
  cpu_rt_period: '5',
  cpu_rt_runtime: '5',
  cpuset: '"0"',
  credential_spec: '{file: x}',
  device_cgroup_rules: '["c 1:3 mr"]',
  dns_opt: '[o]',
  domainname: 'd',
  external_links: '[l]',
  isolation: 'i',
  mac_address: '"02:42:ac:11:00:02"',
  models: '[m]',
  post_start: '[{command: [a]}]',
  pre_stop: '[{command: [a]}]',
  storage_opt: '{size: 1g}',
  use_api_socket: 'true',
  volumes_from: '[other]',
} satisfies Record<KeysOf<'refused'>, string>;

const REST = [
  'networks: {n: }',
  'configs: {c: {content: x}}',
  'secrets: {s: {file: ./x}}',
  'models: {m: {model: ai/x}}',
].join('\n');

/** A file with one service for each key, named after it. */
function fileOf(samples: Readonly<Record<string, string>>): string {
  const services = Object.entries(samples).map(([key, value]) => {
    const own = key === 'image' || key === 'build' ? '' : 'image: model:1, ';
    return `  k-${key}: {${own}${key}: ${value}}`;
  });
  return `services:\n  other: {image: model:1}\n${services.join('\n')}\n${REST}\n`;
}

test('every key that the table calls compiled changes the spec', async t => {
  const folder = await projectFolder(t, { 'compose.yaml': fileOf(COMPILED) });
  const specs = await loadSpecs(t, folder, { only: 'all' });
  const plain = specs.find(spec => spec.name === 'other');
  const unchanged = specs.filter(spec => {
    const renamed = JSON.parse(JSON.stringify(spec).replaceAll(`"${spec.name}"`, '"other"'));
    return spec.name !== 'other' && JSON.stringify(renamed) === JSON.stringify(plain);
  });
  // A provider chooses who runs the service, and changes nothing in what runs.
  t.deepEqual(
    unchanged.map(spec => spec.name),
    ['k-provider'],
  );
  t.is(specs.length, Object.keys(COMPILED).length + 1);
});

test('every key that the table calls ignored is a warning, and compiles', async t => {
  const folder = await projectFolder(t, { 'compose.yaml': fileOf(IGNORED) });
  const result = await load(folder);
  t.is(result.kind, 'compiled');
  const paths = shown(result.warnings, folder).map(line => line.split(': ')[1]);
  t.deepEqual(
    paths.sort(),
    Object.keys(IGNORED)
      .map(key => `services.k-${key}.${key}`)
      .sort(),
  );
});

test('every key that the table calls refused is an error with a way out', async t => {
  const folder = await projectFolder(t, { 'compose.yaml': fileOf(REFUSED) });
  const result = await load(folder);
  t.is(result.kind, 'invalid');
  const errors = result.kind === 'invalid' ? result.errors : [];
  const paths = shown(errors, folder).map(line => line.split(': ')[1]);
  t.deepEqual(
    paths.sort(),
    Object.keys(REFUSED)
      .map(key => `services.k-${key}.${key}`)
      .sort(),
  );
});

test('the table has a row for every service key of the Compose plugin', async t => {
  const { keys, version } = await pluginServiceKeys();
  const missing = keys.filter(key => !Object.hasOwn(SERVICE_KEYS, key));
  t.log(`Compose ${version} knows ${keys.length} service keys`);
  if (missing.length > 0) t.log(`without a row, and so refused: ${missing.join(', ')}`);
  // The table was made for 2.40; a later Compose may know more, which are refused until somebody decides about them.
  if (/^2\.(3[6-9]|40)\./.test(version)) t.deepEqual(missing, []);
  t.true(keys.includes('image') && keys.includes('provider'));
});

test('docs/service-file.md has a row for every service key', async t => {
  const text = await readFile(path.join(import.meta.dirname, '../../docs/service-file.md'), 'utf8');
  const missing = Object.keys(SERVICE_KEYS).filter(key => !text.includes(`\`${key}\``));
  t.deepEqual(missing, []);
});

/** The plugin is one program with the JSON Schema of Compose files inside. */
async function pluginServiceKeys(): Promise<{ keys: string[]; version: string }> {
  const folders = [
    path.join(process.env['DOCKER_CONFIG'] ?? path.join(homedir(), '.docker'), 'cli-plugins'),
    '/usr/local/lib/docker/cli-plugins',
    '/usr/local/libexec/docker/cli-plugins',
    '/usr/lib/docker/cli-plugins',
    '/usr/libexec/docker/cli-plugins',
  ];
  const plugin = folders.map(folder => path.join(folder, 'docker-compose')).find(existsSync);
  if (!plugin) throw new Error(`the compose plugin is in none of ${folders.join(', ')}`);
  const program = await readFile(plugin);
  const id = program.indexOf('"$id": "compose_spec.json"');
  const start = program.lastIndexOf('{', id);
  const schema = JSON.parse(program.toString('utf8', start, endOfObject(program, start))) as {
    definitions?: Record<string, { properties: object }>;
    $defs?: Record<string, { properties: object }>;
  };
  const { stdout } = await promisify(execFile)('docker', ['compose', 'version', '--short']);
  const service = (schema.definitions ?? schema.$defs)?.['service'];
  return { keys: Object.keys(service?.properties ?? {}), version: stdout.trim().replace(/^v/, '') };
}

/** Where the JSON object that starts at an offset ends. */
function endOfObject(bytes: Buffer, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let i = start; i < bytes.length; i++) {
    const c = bytes[i];
    if (quoted) {
      if (c === 0x5c) i++;
      else if (c === 0x22) quoted = false;
    } else if (c === 0x22) quoted = true;
    else if (c === 0x7b) depth++;
    else if (c === 0x7d && --depth === 0) return i + 1;
  }
  return bytes.length;
}
