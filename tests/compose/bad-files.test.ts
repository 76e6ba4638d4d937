import test from 'ava';
import { refusedService } from './one-service.ts';
import { load, projectFolder, shown } from './project-folder.ts';

/** A whole file, and the lines that a terminal shows for it. */
const refused = test.macro({
  title: (title = '') => title,
  async exec(t, text: string, expected: readonly string[]) {
    const folder = await projectFolder(t, { 'compose.yaml': text });
    const result = await load(folder);
    t.is(result.kind, 'invalid');
    t.deepEqual(result.kind === 'invalid' && shown(result.errors, folder), expected);
  },
});

// what Compose itself refuses
test('an empty file', refused, '', ['compose.yaml: empty compose file']);
test('a list instead of a mapping', refused, '[]', [
  'compose.yaml: expected a mapping with the key services, found something else',
]);
test('an unknown key at the top', refused, 'service: {a: {image: x}}', [
  'compose.yaml:1:1: service: unknown key "service"; did you mean "services"?',
]);
test('broken indentation', refused, 'services:\n  a:\n    image: x\n   ports: []\n', [
  'compose.yaml:4:1: All mapping items must start at the same column',
]);
test(
  'a broken line above an x-outrigger that the parser then takes for a service',
  refused,
  'services:\n  a:\n    image: x\n   expose: ["80"]\n    x-outrigger: {port: 80}\n',
  [4, 5].map(line => `compose.yaml:${line}:1: All mapping items must start at the same column`),
);
test('a tab', refused, 'services:\n\ta: {image: x}\n', ['compose.yaml:2:1: Tabs are not allowed as indentation']);
test('a key given twice', refused, 'services:\n  a:\n    image: x\n    image: y\n', [
  'compose.yaml:4: mapping key "image" already defined at line 3',
]);
test('an anchor that is not there', refused, 'services:\n  a: *nothing\n', [
  'compose.yaml:2:6: there is no anchor &nothing above',
]);
test('neither image nor build', refused, 'services:\n  a: {}\n', [
  'compose.yaml:2:3: services.a: has neither an image nor a build context specified',
]);
test('two ways to say the network', refusedService, 'network_mode: host\nnetworks: [default]', [
  '2:3: services.a: declares mutually exclusive `network_mode` and `networks`',
]);
test('an unknown service key', refusedService, 'expse: ["80"]', [
  '4:5: services.a.expse: unknown key "expse"; did you mean "expose"?',
]);
test('an unknown nested key', refusedService, 'healthcheck: {tst: x}', [
  '4:19: services.a.healthcheck.tst: unknown key "tst"; did you mean "test"?',
]);
test('a number where text has to be', refusedService, 'user: 1000', [
  '4:5: services.a.user: expected text in quotes, found 1000',
]);
test('a port that is none', refusedService, 'ports: [foo]', ['4:13: expected a port such as "8080:80", found "foo"']);
test('a size that is none', refusedService, 'mem_limit: 4q', [
  '4:5: services.a.mem_limit: expected a size such as "512m" or "4g", found "4q"',
]);
test('a grace that no timer counts', refusedService, 'stop_grace_period: 25h', [
  '4:5: services.a.stop_grace_period: expected at most 24 hours, found 90000000',
]);
test('a drain that no timer counts', refusedService, 'x-outrigger: {drain: {timeout: 25h}}', [
  '4:27: services.a.x-outrigger.drain.timeout: expected a duration of at most a day, found "25h"',
]);
test('a duration that is none', refusedService, 'stop_grace_period: 4q', [
  '4:5: services.a.stop_grace_period: expected a duration such as "30s" or "1m30s", found "4q"',
]);
// biome-ignore lint/suspicious/noTemplateCurlyInString: Compose's syntax, not JavaScript's
test('a missing required variable', refusedService, 'command: ${MODEL:?name a model}', [
  '4:5: services.a.command: required variable MODEL is missing a value: name a model',
]);
test('a variable that is not closed', refusedService, 'command: ${MODEL', [
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose's syntax, not JavaScript's
  '4:5: services.a.command: expected a variable such as ${NAME} (a plain dollar is written $$), found "${MODEL"',
]);
test(
  'a dependency that is not there',
  refusedService,
  'depends_on: [bb]',
  ['4:18: services.a.depends_on.bb: there is no service "bb" in the file; did you mean "b"?'],
  '  b: {image: x}',
);
test(
  'a cycle',
  refusedService,
  'depends_on: [b]',
  ['4:5: services.a.depends_on: expected no cycle of dependencies, found a -> b -> a'],
  '  b: {image: x, depends_on: [a]}',
);
test(
  'a secret that is not there',
  refusedService,
  'secrets: [tokn]',
  ['4:15: services.a.secrets.tokn: there is no secret "tokn" in the file; did you mean "token"?'],
  'secrets: {token: {file: ./x}}',
);
test('a volume that is not there', refusedService, 'volumes: ["data:/d"]', [
  '4:15: services.a.volumes.data: there is no volume "data" in the file',
]);
test(
  'a network that is not there',
  refusedService,
  'networks: [bck]',
  ['4:16: services.a.networks.bck: there is no network "bck" in the file; did you mean "back"?'],
  'networks: {back: }',
);
test('a file to extend that is not there', refusedService, 'extends: {file: z.yaml, service: b}', [
  '4:21: the file ./z.yaml cannot be read: no such file or directory',
]);
test('a service to extend that is not there', refusedService, 'extends: {service: b}', [
  '4:5: services.a.extends: service "b" not found',
]);
test('an env file that is not there', refusedService, 'env_file: z.env', ['4:15: the env file ./z.env does not exist']);
test('a file to include that is not there', refused, 'include: [z.yaml]\nservices: {a: {image: x}}\n', [
  'compose.yaml:1:11: the file ./z.yaml cannot be read: no such file or directory',
]);

// names
test('a service name with dots and capitals', refused, 'services:\n  A.b:\n    image: x\n', [
  'compose.yaml:2:3: services["A.b"]: expected 1-63 characters: lower-case letters, digits, "-" and "_", first a letter or digit, found "A.b"',
]);
test(
  'names that JavaScript knows',
  refused,
  'services:\n  __proto__: {image: x}\n  constructor: {image: x, x-outrigger: {__proto__: {a: 1}}}\n',
  [
    'compose.yaml:2:3: services.__proto__: expected 1-63 characters: lower-case letters, digits, "-" and "_", first a letter or digit, found "__proto__"',
    'compose.yaml:3:41: services.constructor.x-outrigger.__proto__: unknown key "__proto__", expected one of protocol, port, scope, gpu, replicas, probes, warmup, drain, update, idle_timeout, priority',
  ],
);

// x-outrigger
test('an unknown key of ours', refusedService, 'x-outrigger:\n  prot: grpc', [
  '5:7: services.a.x-outrigger.prot: unknown key "prot", expected one of protocol, port, scope, gpu, replicas, probes, warmup, drain, update, idle_timeout, priority; did you mean "protocol"?',
]);
test('camelCase', refusedService, 'x-outrigger: {idleTimeout: 5m}', [
  '4:19: services.a.x-outrigger.idleTimeout: unknown key "idleTimeout", expected one of protocol, port, scope, gpu, replicas, probes, warmup, drain, update, idle_timeout, priority; did you mean "idle_timeout"?',
]);
test('a word that is none of the allowed', refusedService, 'x-outrigger: {protocol: grcp}', [
  '4:19: services.a.x-outrigger.protocol: expected one of grpc, http, tcp, found "grcp"; did you mean "grpc"?',
]);
test('x-outrigger as a list', refusedService, 'x-outrigger: [a]', [
  '4:5: services.a.x-outrigger: expected a mapping, found a list of 1',
]);
test('a port out of range', refusedService, 'x-outrigger: {port: 70000}', [
  '4:19: services.a.x-outrigger.port: expected a whole number from 1 to 65535, found 70000',
]);
test('a duration without a unit', refusedService, 'x-outrigger: {drain: {timeout: 30}}', [
  '4:27: services.a.x-outrigger.drain.timeout: expected a duration with units, such as "30s", "10m" or "1h30m", found 30',
]);
test('a size with a wrong unit', refusedService, 'x-outrigger: {gpu: {memory: 10 gigs}}', [
  '4:25: services.a.x-outrigger.gpu.memory: expected a size such as "10GiB", "4g" or a number of bytes, found "10 gigs"',
]);
test('replicas upside down', refusedService, 'x-outrigger: {replicas: {min: 4, max: 2}}', [
  '4:19: services.a.x-outrigger.replicas: expected min <= initial <= max, found min 4, initial 2, max 2',
]);
test('replicas as text', refusedService, 'x-outrigger: {replicas: many}', [
  '4:19: services.a.x-outrigger.replicas: expected a number of replicas, or a mapping with min, max, initial and target_in_flight, found "many"',
]);
test('two checks in one probe', refusedService, 'x-outrigger: {port: 1, probes: {readiness: {grpc: {}, tcp: {}}}}', [
  '4:37: services.a.x-outrigger.probes.readiness: expected one of grpc, http, tcp and container, found several',
]);
test(
  'a probe path without a slash',
  refusedService,
  'x-outrigger: {port: 1, probes: {readiness: {http: {path: health}}}}',
  ['4:56: services.a.x-outrigger.probes.readiness.http.path: expected a path that begins with "/", found "health"'],
);
test('a probe without a port', refusedService, 'x-outrigger: {probes: {readiness: {http: {}}}}', [
  '4:40: services.a.x-outrigger.probes.readiness.http: expected a port here or under x-outrigger.port, found none',
]);
test('a probe without a check or a port', refusedService, 'x-outrigger: {probes: {readiness: {interval: 1s}}}', [
  '4:28: services.a.x-outrigger.probes.readiness: expected one of grpc, http, tcp and container, found none, and no port',
]);
test('a warm-up without a port', refusedService, 'x-outrigger: {warmup: {http: {path: /}}}', [
  '4:28: services.a.x-outrigger.warmup.http: expected a port here or under x-outrigger.port, found none',
]);
test('a protocol without a port', refusedService, 'x-outrigger: {protocol: grpc}', [
  '4:5: services.a.x-outrigger.port: expected a port, because protocol is grpc; found no TCP port under expose or ports',
]);
test('a protocol and several ports', refusedService, 'expose: ["1", "2"]\nx-outrigger: {protocol: http}', [
  '5:5: services.a.x-outrigger.port: expected a port, because protocol is http; found several: 1, 2',
]);
test('an update that cannot proceed', refusedService, 'x-outrigger: {update: {max_surge: 0}}', [
  '4:19: services.a.x-outrigger.update: expected max_surge or max_unavailable above 0, otherwise no update can proceed',
]);
test(
  'several mistakes are told together',
  refusedService,
  'x-outrigger:\n  port: a\n  scope: b\nprivileged: true\nmac_address: 02:42:ac:11:00:02',
  [
    '5:7: services.a.x-outrigger.port: expected a whole number from 1 to 65535, found "a"',
    '6:7: services.a.x-outrigger.scope: expected one of job, shared, found "b"',
    '8:5: services.a.mac_address: Outrigger does not support "mac_address": replicas cannot share one MAC address; remove it',
  ],
);
test('x-outrigger at the top', refused, 'services: {a: {image: x}}\nx-outrigger: {port: 1}\n', [
  'compose.yaml:2:1: x-outrigger: has no effect here; it stands directly under a service. Defaults that services share by an anchor take another name, such as x-model-defaults',
]);
test('x-outrigger below deploy', refusedService, 'deploy:\n  x-outrigger: {port: 1}', [
  '5:7: services.a.deploy.x-outrigger: has no effect here; it stands directly under a service. Defaults that services share by an anchor take another name, such as x-model-defaults',
]);

// what Compose allows and Outrigger refuses
test(
  'a namespace of another service',
  refusedService,
  'network_mode: service:b',
  [
    '4:5: services.a.network_mode: "service:b" names one container of another service, and a service of Outrigger has any number of them; use networks',
  ],
  '  b: {image: x}',
);
test(
  'a service that has to complete',
  refusedService,
  'depends_on: {b: {condition: service_completed_successfully}}',
  [
    '4:22: services.a.depends_on.b.condition: expected service_started or service_healthy, found "service_completed_successfully"; a service of Outrigger does not complete',
  ],
  '  b: {image: x}',
);
test('a host port for several replicas', refusedService, 'ports: ["8080:80"]\nscale: 2', [
  '4:5: services.a.ports: expected no host port, because 2 replicas cannot all publish 8080; leave the host port out',
]);
test(
  'start-first with a host port',
  refusedService,
  'ports: ["127.0.0.1:8080:80"]\ndeploy: {update_config: {order: start-first}}',
  [
    '5:14: services.a.deploy.update_config: expected order: stop-first, because two replicas cannot both publish host port 8080; or leave the host port out',
  ],
);
test(
  'one host port for two services',
  refused,
  [
    'services:',
    '  a: {image: x, ports: ["127.0.0.1:8080:80"]}',
    '  b: {image: x, ports: ["127.0.0.1:8080:81/udp", "127.0.0.2:8080:80"]}',
    '  c: {image: x, ports: ["0.0.0.0:8080:80"]}',
  ].join('\n'),
  [
    'compose.yaml:4:17: services.c.ports: expected another host port than 8080/tcp, because services "a" and "c" cannot both publish it; give one of them another, or leave the host port out',
  ],
);
test('x-outrigger beside the services', refused, 'services:\n  a: {image: x}\n  x-outrigger:\n    port: 80\n', [
  'compose.yaml:3:3: services.x-outrigger: x-outrigger stands directly under a service; here, Compose takes it for the name of one',
]);
test('a range of host ports', refusedService, 'ports: ["8000-8005:80"]', [
  '4:13: services.a.ports[0].published: expected one host port, found "8000-8005"; leave it out to let the engine choose a free one',
]);
test('a log driver that keeps nothing', refusedService, 'logging: {driver: syslog}', [
  '4:15: services.a.logging.driver: expected json-file or local, found "syslog"; Outrigger has to read the logs back',
]);
test('a CDI device past the scheduler', refusedService, 'devices: ["nvidia.com/gpu=0"]', [
  '4:15: services.a.devices[0]: "nvidia.com/gpu=0" is a device that Outrigger schedules; ask for it with gpus: [{driver: cdi, device_ids: ["nvidia.com/gpu=0"]}]',
]);
test('fixed addresses', refusedService, 'networks: {default: {ipv4_address: 172.16.238.10}}', [
  '4:26: services.a.networks.default.ipv4_address: replicas cannot share one address; clients find them by the name of the service',
]);
test(
  'options of a volume driver',
  refusedService,
  'volumes: ["data:/d"]',
  [
    '7:5: volumes.data.driver_opts: Outrigger passes no options to volume drivers; create the volume with `docker volume create` and declare it as external',
  ],
  'volumes:\n  data:\n    driver_opts: {type: nfs}',
);
test(
  'an external secret',
  refusedService,
  'secrets: [s]',
  ['5:15: secrets.s.external: expected a secret from a file or the environment; external ones only exist in Swarm'],
  'secrets: {s: {external: true}}',
);
test(
  'a secret from a variable that is not set',
  refusedService,
  'secrets: [s]',
  [
    '5:15: secrets.s.environment: expected the environment variable "NOT_SET_ANYWHERE" to be set, here or in .env; found it unset',
  ],
  'secrets: {s: {environment: NOT_SET_ANYWHERE}}',
);
test(
  'a link with an alias',
  refusedService,
  'links: ["b:database"]',
  ['4:13: services.a.links[0]: Outrigger does not support links; give "b" the alias "database" under its networks'],
  '  b: {image: x}',
);
test('images by age', refusedService, 'pull_policy: daily', [
  '4:5: services.a.pull_policy: expected always, missing, never or build, found "daily"; Outrigger does not refresh images by age',
]);
test('a global service', refusedService, 'deploy: {mode: global}', [
  '4:14: services.a.deploy.mode: expected replicated, found "global"',
]);
test('a healthcheck that only changes times', refusedService, 'healthcheck: {interval: 5s}', [
  "4:5: services.a.healthcheck.test: expected the command of the healthcheck, found none; Outrigger does not change an image's own one in part",
]);
test('tmpfs options', refusedService, 'tmpfs: ["/x:exec"]', [
  '4:13: services.a.tmpfs[0]: expected size=..., mode=..., rw, noexec, nosuid or nodev, found "exec"',
]);
test('a provider that only Compose can ask', refusedService, 'provider: {type: other}', [
  '4:5: services.a.provider: "other" is a provider that only `docker compose up` can ask; name "outrigger" as the provider of the services that Outrigger shall run',
]);
test(
  'a provider option that Compose would leave out without a word',
  refusedService,
  'provider: {type: outrigger, options: {file: f.yaml, filee: x}}',
  [
    '4:57: services.a.provider.options.filee: the provider has no option "filee"; it has file, env-file, wait-timeout; did you mean "file"?',
  ],
);
test('hooks', refusedService, 'post_start: [{command: [a]}]', [
  '4:5: services.a.post_start: Outrigger does not support "post_start": Outrigger does not run hooks; use x-outrigger.warmup, or the entrypoint of the image',
]);
test('text that writes to the terminal is escaped', refusedService, 'x-outrigger: {"a\\e[2J": 1}', [
  '4:19: services.a.x-outrigger["a\\u001b[2J"]: unknown key "a\\u001b[2J", expected one of protocol, port, scope, gpu, replicas, probes, warmup, drain, update, idle_timeout, priority',
]);

// what both refuse
test(
  'mistakes under x-outrigger are told beside those that Compose finds',
  refused,
  `services:
  a:
    image: x
    gpu: 1
    x-outrigger:
      protocl: grpc
      port: \${PORT}
      drain: {timeout: 4q}
  b:
    image: x
    x-outrigger: &shared {replicas: none}
  c:
    image: x
    x-outrigger: {<<: *shared, prot: grpc}
`,
  [
    'compose.yaml:4:5: services.a.gpu: unknown key "gpu"; did you mean "gpus"?',
    'compose.yaml:8:15: services.a.x-outrigger.drain.timeout: expected a duration with units, such as "30s", "10m" or "1h30m", found "4q"',
    'compose.yaml:6:7: services.a.x-outrigger.protocl: unknown key "protocl", expected one of protocol, port, scope, gpu, replicas, probes, warmup, drain, update, idle_timeout, priority; did you mean "protocol"?',
    'compose.yaml:11:27: services.b.x-outrigger.replicas: expected a number of replicas, or a mapping with min, max, initial and target_in_flight, found "none"',
    'compose.yaml:11:27: services.c.x-outrigger.replicas: expected a number of replicas, or a mapping with min, max, initial and target_in_flight, found "none"',
    'compose.yaml:14:32: services.c.x-outrigger.prot: unknown key "prot", expected one of protocol, port, scope, gpu, replicas, probes, warmup, drain, update, idle_timeout, priority; did you mean "protocol"?',
  ],
);
