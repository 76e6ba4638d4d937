import test from 'ava';
import fc from 'fast-check';
import { compile } from '../../control-plane/compose/compile.ts';
import type { Located } from '../../control-plane/compose/index.ts';
import { SERVICE_KEYS } from '../../control-plane/compose/service-keys.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { serviceSpec } from '../../control-plane/core/spec.ts';
import { load, projectFolder } from './project-folder.ts';

/**
 * Whatever a file says, it is compiled or refused with a reason. The first property assembles files that Compose mostly
 * accepts and goes the whole way; the second goes past Compose, with models that no Compose would print.
 */

const word = fc.constantFrom(
  'a',
  'b',
  'x1',
  'host',
  'none',
  'A_b',
  'a.b',
  '',
  '$$',
  '__proto__',
  'constructor',
  'é',
  '0',
);
const numeric = fc.oneof(
  fc.integer({ min: -2, max: 70_000 }),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose's syntax, not JavaScript's
  fc.constantFrom('1', '0.5', '4g', '1.5', '-1', '${NOPE:-3}'),
);
const time = fc.constantFrom('30s', '1m30s', '0s', '1.5s', '500ms', '2h', '10', '3x');
const json = fc.jsonValue({ maxDepth: 3 });

const probe = fc.dictionary(
  fc.constantFrom('grpc', 'http', 'tcp', 'container', 'interval', 'timeout', 'failures', 'attempt_timeout', 'x'),
  fc.oneof(
    time,
    numeric,
    fc.constant({}),
    fc.constant(null),
    fc.record({ path: word, port: numeric }, { requiredKeys: [] }),
  ),
  { maxKeys: 3 },
);
const xOutrigger = fc.oneof(
  fc.record(
    {
      protocol: fc.constantFrom('grpc', 'http', 'tcp', 'udp'),
      port: numeric,
      scope: fc.constantFrom('job', 'shared', 1),
      gpu: fc.record(
        {
          count: fc.constantFrom(1, 'all', '2', 0),
          memory: fc.constantFrom('10GiB', '1', 5, 'x'),
          models: fc.oneof(fc.array(word), word),
          exclusive: fc.constantFrom(true, 'false', 'x'),
          kind: fc.constantFrom('amd.com/gpu', 'nvidia.com/mig', 'gpu'),
          check: fc.oneof(word, fc.array(word, { maxLength: 2 })),
        },
        { requiredKeys: [] },
      ),
      replicas: fc.oneof(
        numeric,
        fc.record({ min: numeric, max: numeric, initial: numeric, target_in_flight: numeric }, { requiredKeys: [] }),
      ),
      probes: fc.record({ startup: probe, readiness: probe, liveness: probe }, { requiredKeys: [] }),
      warmup: fc.record(
        { http: fc.record({ path: fc.constantFrom('/', 'x'), body: json }), timeout: time },
        { requiredKeys: [] },
      ),
      drain: fc.record({ timeout: time }),
      update: fc.record({ order: fc.constantFrom('start-first', 'x'), max_surge: numeric }, { requiredKeys: [] }),
      idle_timeout: time,
      priority: fc.constantFrom(-5, '7', 1_001),
    },
    { requiredKeys: [] },
  ),
  json,
);

const pieces = {
  image: fc.constantFrom('model:1', 'a/b:c', ''),
  build: fc.constantFrom('.', { context: './x', dockerfile: 'D' }),
  command: fc.oneof(word, fc.array(word)),
  entrypoint: fc.oneof(word, fc.array(word)),
  environment: fc.oneof(fc.dictionary(word, fc.oneof(word, numeric, fc.constant(null))), fc.constant(['A=1', 'B'])),
  expose: fc.constantFrom(['1'], ['1', '2'], ['5/udp'], ['3-9'], [8080]),
  ports: fc.constantFrom(['80'], ['1:2'], ['127.0.0.1:1:2', '9/udp'], ['1-3:1-3'], [{ target: 1, mode: 'host' }]),
  volumes: fc.constantFrom(
    ['v:/v'],
    ['./x:/x:ro', '/a'],
    [{ type: 'tmpfs', target: '/t' }],
    [{ type: 'image', source: 'i', target: '/i' }],
  ),
  tmpfs: fc.constantFrom('/t', ['/t:size=1m'], ['/t:x=y']),
  secrets: fc.constantFrom(['s'], [{ source: 's', target: 't', mode: '0400' }], ['missing']),
  configs: fc.constantFrom(['c'], [{ source: 'c', target: '/t', uid: 'x' }]),
  networks: fc.constantFrom(['n'], { n: { aliases: ['z'] } }, { n: null, default: { ipv4_address: '1.2.3.4' } }),
  network_mode: fc.constantFrom('host', 'none', 'service:a', 'container:x'),
  depends_on: fc.constantFrom(
    ['a'],
    { b: { condition: 'service_healthy' } },
    { a: { condition: 'service_completed_successfully' } },
  ),
  deploy: fc.record(
    {
      replicas: fc.integer({ min: 0, max: 3 }),
      mode: fc.constantFrom('replicated', 'global'),
      resources: fc.constantFrom(
        { limits: { cpus: '1', memory: '1g' } },
        { reservations: { devices: [{ capabilities: ['gpu'], count: 1 }] } },
        { reservations: { devices: [{ capabilities: ['tpu'] }], memory: '5m' } },
      ),
      restart_policy: fc.record({ condition: fc.constantFrom('any', 'none', 'on-failure', 'x') }, { requiredKeys: [] }),
      update_config: fc.record(
        { parallelism: fc.nat(3), order: fc.constantFrom('start-first', 'stop-first') },
        { requiredKeys: [] },
      ),
      placement: fc.constantFrom(
        { constraints: ['a==b'] },
        { constraints: ['node.labels.a==b', 'node.hostname!=c'], max_replicas_per_node: 1 },
        { preferences: [{ spread: 'node.labels.zone' }] },
        { preferences: [{}, { spread: 'x' }] },
      ),
    },
    { requiredKeys: [] },
  ),
  gpus: fc.constantFrom(
    'all',
    [{ count: 2 }],
    [{ driver: 'amd', count: 1 }],
    [{ device_ids: ['0', '1'] }],
    [{ count: 0 }],
  ),
  runtime: fc.constantFrom('nvidia', 'runc'),
  healthcheck: fc.constantFrom({ test: 'x' }, { disable: true }, { interval: '1s' }, { test: ['NONE'] }),
  logging: fc.constantFrom({ driver: 'syslog' }, { driver: 'local', options: { 'max-size': '1m', tag: 'x' } }),
  ulimits: fc.constantFrom({ nofile: 5 }, { nofile: { soft: 1, hard: 2 } }),
  restart: fc.constantFrom('no', 'always', 'on-failure:2', 'unless-stopped', 'sometimes'),
  pull_policy: fc.constantFrom('always', 'daily', 'build', 'missing'),
  provider: fc.constantFrom({ type: 'outrigger' }, { type: 'other' }),
  privileged: fc.boolean(),
  mem_limit: fc.constantFrom('1g', 5_000_000, '1x'),
  stop_grace_period: time,
  profiles: fc.constantFrom(['p'], []),
  container_name: fc.constantFrom('name', 'a b'),
  links: fc.constantFrom(['a'], ['a:z']),
  'x-outrigger': xOutrigger,
  'x-other': json,
};

/** A few keys of a service at a time: with all of them at once, something would always be wrong. */
const service = fc
  .uniqueArray(fc.constantFrom(...(Object.keys(pieces) as (keyof typeof pieces)[])), { maxLength: 4 })
  .chain(keys =>
    fc.record({ image: fc.constant('model:1'), ...Object.fromEntries(keys.map(key => [key, pieces[key]])) }),
  );

const file = fc.record(
  {
    services: fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), service, { minKeys: 1, maxKeys: 3 }),
    networks: fc.constantFrom({ n: null }, { n: { internal: true } }, { n: { driver: 'overlay', enable_ipv6: true } }),
    volumes: fc.constantFrom({ v: null }, { v: { external: true } }, { v: { driver_opts: { a: 'b' } } }),
    secrets: fc.constantFrom({ s: { file: './x' } }, { s: { environment: 'HOME' } }, { s: { external: true } }),
    configs: fc.constantFrom({ c: { content: 'x$$y' } }, { c: { environment: 'NOPE' } }),
    'x-defaults': json,
  },
  { requiredKeys: ['services', 'networks', 'volumes', 'secrets', 'configs'] },
);

test('any file is compiled or refused with a clear reason', async t => {
  const seen = { compiled: 0, invalid: 0 };
  await fc.assert(
    fc.asyncProperty(file, async document => {
      const folder = await projectFolder(t, { 'compose.yaml': JSON.stringify(document, null, 1) });
      const result = await load(folder).catch(thrown => {
        // A file that is too large or too deep is refused as a whole; anything else thrown is a mistake of ours.
        if (thrown instanceof OutriggerError && thrown.code === 'invalid_argument') return undefined;
        throw thrown;
      });
      if (!result) return;
      seen[result.kind]++;
      if (result.kind === 'invalid') checkReasons(result.errors);
      else for (const spec of result.specs) checkSpec(spec);
      checkReasons(result.warnings, { mayBeEmpty: true });
    }),
    { numRuns: 60 },
  );
  t.log(seen);
  t.pass();
});

test('services that are right by themselves are compiled, and many of them are tried', async t => {
  let compiled = 0;
  await fc.assert(
    fc.asyncProperty(rightService, async right => {
      const folder = await projectFolder(t, { 'compose.yaml': JSON.stringify({ services: { a: right } }) });
      const result = await load(folder);
      if (result.kind === 'invalid') throw new Error(result.errors.map(error => error.message).join('; '));
      for (const spec of result.specs) checkSpec(spec);
      compiled++;
    }),
    { numRuns: 30 },
  );
  t.is(compiled, 30);
});

test('a model of any shape is compiled or refused, and never makes the compiler throw', t => {
  const keys = fc.constantFrom(...Object.keys(SERVICE_KEYS), 'x-outrigger', 'unheard_of', '__proto__');
  const anyService = fc.oneof(fc.dictionary(keys, fc.oneof(json, xOutrigger, fc.array(json)), { maxKeys: 6 }), json);
  const model = fc.record({
    name: fc.oneof(fc.constant('p'), json),
    services: fc.oneof(fc.dictionary(word, anyService, { maxKeys: 3 }), json),
    networks: json,
    volumes: json,
    secrets: json,
    configs: json,
  });
  fc.assert(
    fc.property(model, value => {
      const result = compile(value, { environment: new Map(), separator: '-' });
      for (const spec of result.specs) checkSpec(spec);
      checkReasons([...result.errors, ...result.warnings], { mayBeEmpty: true });
      const count = Object.keys((value.services ?? {}) as object).length;
      if (result.errors.length === 0 && Array.isArray(value.services) === false && typeof value.services === 'object') {
        if (result.specs.length + result.applications.length !== count)
          throw new Error('a service was dropped in silence');
      }
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});

const rightService = fc.record(
  {
    image: fc.constant('model:1'),
    command: fc.array(
      fc.string().filter(text => !text.includes('$') && !text.includes('\0')),
      { maxLength: 3 },
    ),
    environment: fc.dictionary(
      fc.constantFrom('A', 'B'),
      fc.string().filter(text => !/[$\0]/.test(text)),
    ),
    deploy: fc.record(
      {
        replicas: fc.nat(5),
        resources: fc.constant({ limits: { cpus: '1', memory: '1g' }, reservations: { memory: '5m' } }),
      },
      { requiredKeys: [] },
    ),
    healthcheck: fc.constantFrom({ test: 'x', interval: '5s' }, { disable: true }),
    volumes: fc.constantFrom(['/a', './b:/b:ro'], [{ type: 'tmpfs', target: '/t' }]),
    restart: fc.constantFrom('no', 'always', 'on-failure:2', 'unless-stopped'),
    'x-outrigger': fc.record(
      {
        port: fc.integer({ min: 1, max: 65_535 }),
        protocol: fc.constantFrom('grpc', 'http', 'tcp'),
        probes: fc.constantFrom(
          { readiness: { tcp: null } },
          { startup: { timeout: '1m' }, liveness: { http: { path: '/h' } } },
        ),
        warmup: fc.record({
          http: fc.record({
            path: fc.constant('/w'),
            body: fc.jsonValue({ maxDepth: 2, noUnicodeString: true }).filter(plainNumbers),
          }),
        }),
        replicas: fc.oneof(fc.nat(10), fc.record({ min: fc.nat(2), max: fc.integer({ min: 2, max: 5 }) })),
      },
      { requiredKeys: ['port'] },
    ),
  },
  { requiredKeys: ['image'] },
);

/** Compose would interpolate a dollar, and YAML reads JSON's extreme numbers its own way. */
function plainNumbers(value: unknown): boolean {
  return !/[$\\]|e[+-]?\d/.test(JSON.stringify(value));
}

function checkSpec(spec: unknown): void {
  const parsed = serviceSpec.parse(spec);
  if (JSON.stringify(parsed) !== JSON.stringify(spec)) throw new Error('a spec changes when it is parsed again');
}

function checkReasons(problems: readonly Located[], options: { mayBeEmpty?: boolean } = {}): void {
  if (problems.length === 0 && !options.mayBeEmpty) throw new Error('refused without a reason');
  for (const problem of problems) {
    if (problem.message.length < 5 || /\[object|undefined|NaN|internal/.test(problem.message)) {
      throw new Error(`no clear reason: ${problem.keyPath.join('.')}: ${problem.message}`);
    }
  }
}
