import test from 'ava';
import { compiles } from './one-service.ts';
import { loadSpecs, projectFolder } from './project-folder.ts';

// what runs in the container
test('nothing but an image', compiles, '', {});
test('a command line is split as a shell would', compiles, `command: serve 'a b'`, { command: ['serve', 'a b'] });
test('a command as a list, dollars unescaped once', compiles, `command: ["a$$b", "$$$$"]`, { command: ['a$b', '$$'] });
test('an empty entrypoint clears the one of the image', compiles, `entrypoint: []`, { entrypoint: [] });
test('environment as a list', compiles, `environment: [A=1, "B=x=y"]`, { environment: { A: '1', B: 'x=y' } });
test('environment as a mapping with numbers', compiles, `environment: {A: 1, B: true}`, {
  environment: { A: '1', B: 'true' },
});
test('an environment key may have dollars', compiles, `environment: {"A$$B": "$$C"}`, { environment: { A$$B: '$C' } });
test('a variable without a value is left out', compiles, `environment: [NOT_SET_ANYWHERE]`, {});
test(
  'who and where',
  compiles,
  'user: "1000:1000"\nworking_dir: /srv\ngroup_add: [video, 44]\nhostname: h\nplatform: linux/amd64',
  { user: '1000:1000', workingDir: '/srv', groupAdd: ['video', '44'], hostname: 'h', platform: 'linux/amd64' },
);
test('switches', compiles, 'init: true\ntty: true\nread_only: true', { init: true, tty: true, readOnly: true });
test('labels', compiles, 'labels: [a.b=c, d]', { labels: { 'a.b': 'c', d: '' } });
test('stopping', compiles, 'stop_grace_period: 1m30s\nstop_signal: SIGINT', {
  stopGraceMs: 90_000,
  stopSignal: 'SIGINT',
});
test('shared memory', compiles, 'shm_size: 64m', { shmSizeBytes: 67_108_864 });
test('ulimits in both forms', compiles, 'ulimits: {nproc: 100, nofile: {soft: 1, hard: 2}, core: -1}', {
  ulimits: { nproc: { soft: 100, hard: 100 }, nofile: { soft: 1, hard: 2 }, core: { soft: -1, hard: -1 } },
});
test('names and resolvers', compiles, 'dns: 1.1.1.1\ndns_search: [a.b]\nextra_hosts: ["h:1.2.3.4", "i=::1"]', {
  dns: ['1.1.1.1'],
  dnsSearch: ['a.b'],
  extraHosts: ['h:1.2.3.4', 'i:::1'],
});
test('logging', compiles, 'logging: {driver: local, options: {max-size: 5m, max-file: "2"}}', {
  logging: { maxSizeBytes: 5_242_880, maxFiles: 2 },
});

// images
test('pull policies', compiles, 'pull_policy: if_not_present', { pullPolicy: 'missing' });
test('an image that is always pulled', compiles, 'pull_policy: always', { pullPolicy: 'always' });
test('a built image has the name that Compose gives it', compiles, 'build: .', {
  image: 'project-a',
  pullPolicy: 'never',
});
test('a built image may have a name', compiles, 'build: .\nimage: mine:2', { image: 'mine:2', pullPolicy: 'never' });

// privileges are carried over for admission to decide
test(
  'privileges',
  compiles,
  [
    'privileged: true',
    'cap_add: [NET_ADMIN]',
    'cap_drop: [ALL]',
    'security_opt: ["seccomp:unconfined"]',
    'sysctls: {net.core.somaxconn: 1024}',
    'devices: ["/dev/null:/dev/x:r"]',
    'pid: host',
    'ipc: host',
    'uts: host',
    'userns_mode: host',
    'cgroup: host',
    'cgroup_parent: p',
    'runtime: runc',
  ].join('\n'),
  {
    privileged: true,
    capAdd: ['NET_ADMIN'],
    capDrop: ['ALL'],
    securityOpt: ['seccomp:unconfined'],
    sysctls: { 'net.core.somaxconn': '1024' },
    devices: ['/dev/null:/dev/x:r'],
    pidMode: 'host',
    ipcMode: 'host',
    utsMode: 'host',
    usernsMode: 'host',
    cgroupMode: 'host',
    cgroupParent: 'p',
    runtime: 'runc',
  },
);
test('the network of the host', compiles, 'network_mode: host', { networkMode: 'host', networks: [] });

// resources
test(
  'limits and reservations',
  compiles,
  'deploy: {resources: {limits: {cpus: "2", memory: 4g, pids: 9}, reservations: {cpus: 0.5, memory: 1gb}}}',
  {
    resources: { limitCpus: 2, limitMemoryBytes: 4 * 1024 ** 3, pids: 9, cpus: 0.5, memoryBytes: 1024 ** 3 },
  },
);
test('the older keys for limits', compiles, 'cpus: 1.5\nmem_limit: 512m\nmem_reservation: 1m\npids_limit: -1', {
  resources: { limitCpus: 1.5, limitMemoryBytes: 536_870_912, memoryBytes: 1_048_576, pids: 4_194_304 },
});
test('a CPU quota', compiles, 'cpu_quota: 50000\ncpu_period: 200000', { resources: { limitCpus: 0.25 } });
// mounts and files
test(
  'volumes of every kind',
  compiles,
  'volumes: ["data:/d:ro", ./x:/x, /anon, {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 448}}]',
  {
    mounts: [
      { kind: 'volume', name: 'project_data', target: '/d', readOnly: true },
      { kind: 'bind', source: 'FOLDER/x', target: '/x', createHostPath: true },
      { kind: 'volume', target: '/anon' },
      { kind: 'tmpfs', target: '/t', sizeBytes: 1_048_576, mode: 0o700 },
    ],
  },
  'volumes: {data: }',
);
test(
  'an external volume keeps its name',
  compiles,
  'volumes: [{type: volume, source: ext, target: /d, volume: {nocopy: true}}]',
  {
    mounts: [{ kind: 'volume', name: 'theirs', target: '/d', external: true, noCopy: true }],
  },
  'volumes: {ext: {external: true, name: theirs}}',
);
test('tmpfs in short form', compiles, 'tmpfs: ["/run:size=64m,mode=1777,noexec", /x]', {
  mounts: [
    { kind: 'tmpfs', target: '/run', sizeBytes: 67_108_864, mode: 0o1777 },
    { kind: 'tmpfs', target: '/x' },
  ],
});
test(
  'secrets and configs from files are mounted read-only',
  compiles,
  'secrets: [s]\nconfigs: [{source: c, target: /etc/c}]',
  {
    mounts: [
      { kind: 'bind', source: 'FOLDER/s.txt', target: '/run/secrets/s', readOnly: true },
      { kind: 'bind', source: 'FOLDER/c.txt', target: '/etc/c', readOnly: true },
    ],
  },
  'secrets: {s: {file: ./s.txt}}\nconfigs: {c: {file: ./c.txt}}',
);
test(
  'a config in the file is written into the container',
  compiles,
  'configs: [{source: c, uid: "5", gid: "6", mode: 0440}]',
  {
    files: [
      {
        target: '/c',
        contentBase64: Buffer.from('a $b\n').toString('base64'),
        uid: 5,
        gid: 6,
        mode: 0o440,
        secret: false,
      },
    ],
  },
  'configs:\n  c:\n    content: |\n      a $$b\n',
);

// networks and ports
test(
  'named networks and aliases',
  compiles,
  'networks: {default: {aliases: [b]}, back: }\ncontainer_name: c-1',
  {
    networks: [
      {
        name: 'project_back',
        key: 'back',
        aliases: ['a', 'c-1'],
        internal: true,
        driver: 'bridge',
        driverOptions: { k: 'v' },
        subnets: ['10.9.0.0/16'],
      },
      { name: 'project_default', key: 'default', aliases: ['a', 'c-1', 'b'] },
    ],
  },
  'networks: {back: {internal: true, driver: bridge, driver_opts: {k: v}, ipam: {config: [{subnet: 10.9.0.0/16}]}}}',
);
test(
  'an external network keeps its name',
  compiles,
  'networks: [n]',
  {
    networks: [{ name: 'theirs', key: 'n', aliases: ['a'], external: true }],
  },
  'networks: {n: {external: true, name: theirs}}',
);
test(
  'a link without an alias is what the network gives anyway',
  compiles,
  'links: [b]',
  {
    dependsOn: [{ service: 'b', condition: 'started' }],
  },
  '  b: {image: model:1}',
);
test(
  'ports are on loopback unless the file says where',
  compiles,
  'ports: ["80", "0.0.0.0::81", "[::1]::82/udp"]\nx-outrigger: {port: 80}',
  {
    port: 80,
    ports: [
      { containerPort: 80 },
      { containerPort: 81, hostIp: '0.0.0.0' },
      { containerPort: 82, hostIp: '::1', protocol: 'udp' },
    ],
  },
);
test('a fixed host port makes updates stop first', compiles, 'ports: ["127.0.0.1:8080:80"]', {
  port: 80,
  ports: [{ containerPort: 80, hostPort: 8080 }],
  update: { order: 'stop-first', maxSurge: 0, maxUnavailable: 1 },
});
test(
  'the only exposed port is where clients call',
  compiles,
  'expose: ["50051", "9/udp"]\nx-outrigger: {protocol: grpc}',
  {
    port: 50_051,
    protocol: 'grpc',
  },
);
test('several ports and none chosen: no endpoint', compiles, 'expose: ["1", "2"]', {});
test(
  'numbers from interpolation are text, and taken',
  compiles,
  `x-outrigger: {port: "\${NOPE:-50051}", replicas: "2", gpu: {exclusive: "false", memory: "1g", count: "2"}}`,
  {
    port: 50_051,
    replicas: { min: 2, max: 2, initial: 2 },
    resources: { gpu: { count: 2, exclusive: false, memoryBytes: 2 ** 30 } },
  },
);

// lifecycle
test('replicas from deploy', compiles, 'deploy: {replicas: 3}', { replicas: { min: 3, max: 3, initial: 3 } });
test('replicas from scale', compiles, 'scale: 2', { replicas: { min: 2, max: 2, initial: 2 } });
test('no replicas', compiles, 'x-outrigger: {replicas: 0}', { replicas: { min: 0, max: 0, initial: 0 } });
test(
  'a range of replicas',
  compiles,
  'x-outrigger: {replicas: {min: 0, max: 4, target_in_flight: 8}, idle_timeout: 5m}',
  {
    replicas: { min: 0, max: 4, initial: 1, targetInFlight: 8 },
    idleTimeoutMs: 300_000,
  },
);
test('deploy.replicas is where a range begins', compiles, 'deploy: {replicas: 2}\nx-outrigger: {replicas: {max: 4}}', {
  replicas: { min: 1, max: 4, initial: 2 },
});
test('restart: absent', compiles, '', { restart: { startAttempts: 1, maxAttempts: null } });
test('restart: no', compiles, 'restart: "no"', { restart: { startAttempts: 1, maxAttempts: 0 } });
test('restart: always', compiles, 'restart: always', { restart: { startAttempts: null, maxAttempts: null } });
test('restart: unless-stopped', compiles, 'restart: unless-stopped', {
  restart: { startAttempts: null, maxAttempts: null },
});
test('restart: on-failure', compiles, 'restart: on-failure', { restart: { startAttempts: null, maxAttempts: null } });
test('restart: on-failure:3', compiles, 'restart: on-failure:3', { restart: { startAttempts: 3, maxAttempts: 3 } });
test(
  'deploy.restart_policy wins',
  compiles,
  'restart: always\ndeploy: {restart_policy: {condition: on-failure, max_attempts: 4}}',
  {
    restart: { startAttempts: 4, maxAttempts: 4 },
  },
);
test(
  'deploy.update_config',
  compiles,
  'deploy: {update_config: {parallelism: 2, order: stop-first, failure_action: pause}}',
  {
    update: { order: 'stop-first', maxSurge: 0, maxUnavailable: 2, onFailure: 'pause' },
  },
);
test('deploy.update_config.monitor', compiles, 'deploy: {update_config: {monitor: 1m30s}}', {
  update: { monitorMs: 90_000 },
});
test(
  'where both say the same key, x-outrigger.update wins',
  compiles,
  'deploy: {update_config: {monitor: 1m, order: stop-first, failure_action: pause}}\n' +
    'x-outrigger: {update: {monitor: 0s, order: start-first, on_failure: continue}}',
  { update: { order: 'start-first', onFailure: 'continue', monitorMs: 0 } },
);
test('parallelism 0 is all at once', compiles, 'deploy: {replicas: 5, update_config: {parallelism: 0}}', {
  replicas: { min: 5, max: 5, initial: 5 },
  update: { maxSurge: 5 },
});
test(
  'x-outrigger.update wins key by key',
  compiles,
  'deploy: {update_config: {failure_action: pause}}\nx-outrigger: {update: {order: stop-first, max_unavailable: 3}}',
  {
    update: { order: 'stop-first', maxSurge: 0, maxUnavailable: 3, onFailure: 'pause' },
  },
);
test(
  'dependencies',
  compiles,
  'depends_on: {b: {condition: service_healthy}}',
  {
    dependsOn: [{ service: 'b', condition: 'ready' }],
  },
  '  b: {image: model:1}',
);
test(
  'a healthcheck line runs in a shell',
  compiles,
  'healthcheck: {test: curl x, interval: 1.5s, retries: 2, timeout: 500ms, start_period: 1m}',
  {
    healthcheck: {
      test: ['CMD-SHELL', 'curl x'],
      intervalMs: 1_500,
      retries: 2,
      timeoutMs: 500,
      startPeriodMs: 60_000,
    },
  },
);
test('a healthcheck switched off', compiles, 'healthcheck: {disable: true}', { healthcheck: { test: ['NONE'] } });

// x-outrigger
test('x-outrigger without anything below it', compiles, 'x-outrigger:', {});
test(
  'probes of every kind',
  compiles,
  [
    'x-outrigger:',
    '  protocol: http',
    '  port: 80',
    '  scope: job',
    '  probes:',
    '    startup: {grpc: {service: s, port: 81, expect: answer}, timeout: 1h30m, attempt_timeout: 2s}',
    '    readiness: {http: {path: /health, headers: {A: 1}, expect: answer}, interval: 1s, timeout: 3s, failures: 4}',
    '    liveness: {tcp: , failures: 5}',
  ].join('\n'),
  {
    protocol: 'http',
    port: 80,
    scope: 'job',
    probes: {
      startup: {
        check: { kind: 'grpc', service: 's', port: 81, expect: 'answer' },
        deadlineMs: 5_400_000,
        timeoutMs: 2_000,
      },
      readiness: {
        check: { kind: 'http', path: '/health', headers: { A: '1' }, expect: 'answer' },
        intervalMs: 1_000,
        timeoutMs: 3_000,
        failures: 4,
      },
      liveness: { check: { kind: 'tcp' }, intervalMs: 5_000, timeoutMs: 2_000, failures: 5 },
    },
  },
);
test(
  'a probe without a check asks what its neighbours ask',
  compiles,
  'x-outrigger: {port: 80, probes: {startup: {timeout: 1m}, readiness: {grpc: {}}}}',
  {
    port: 80,
    probes: { startup: { check: { kind: 'grpc' }, deadlineMs: 60_000 }, readiness: { check: { kind: 'grpc' } } },
  },
);
test(
  'probes without any check ask what the protocol offers',
  compiles,
  'x-outrigger: {port: 80, protocol: http, probes: {readiness: {interval: 9s}, liveness: {interval: 7s}}}',
  {
    port: 80,
    protocol: 'http',
    probes: {
      readiness: { check: { kind: 'http', path: '/', expect: 'available' }, intervalMs: 9_000 },
      liveness: { check: { kind: 'http', path: '/', expect: 'answer' }, intervalMs: 7_000 },
    },
  },
);
test(
  'a warm-up with any JSON body',
  compiles,
  'x-outrigger: {port: 80, warmup: {http: {path: /v1, method: PUT, body: {a: [1, null, {b: "$$x"}]}}, timeout: 1m}}',
  {
    port: 80,
    warmup: { http: { path: '/v1', method: 'PUT', body: { a: [1, null, { b: '$x' }] } }, deadlineMs: 60_000 },
  },
);
test('draining', compiles, 'x-outrigger: {drain: {timeout: 0s}}', { drain: { timeoutMs: 0 } });
test('keys of other tools are theirs', compiles, 'x-something: {a: b}\ndeploy: {x-other: 1}', {});
test('defaults by anchors and merges', async t => {
  const text =
    'x-d: &d {restart: always, x-outrigger: &x {port: 9}}\nservices:\n  a: {<<: *d, image: m}\n  b: {image: m, x-outrigger: {<<: *x, protocol: grpc}}';
  const [a, b] = await loadSpecs(t, await projectFolder(t, { 'compose.yaml': text }));
  t.like(a, { name: 'a', port: 9, restart: { startAttempts: null } });
  t.like(b, { name: 'b', port: 9, protocol: 'grpc' });
});
