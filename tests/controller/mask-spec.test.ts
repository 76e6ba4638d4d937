import test from 'ava';
import fc from 'fast-check';
import { type ServiceSpecInput, serviceSpec } from '../../control-plane/core/spec.ts';
import { maskSpec } from '../../control-plane/views/mask-spec.ts';

const HIDDEN = '(hidden)';

function shown(part: Partial<ServiceSpecInput>) {
  return maskSpec(serviceSpec.parse({ namespace: 'ns', name: 'svc', image: 'i:1', port: 80, ...part }));
}

for (const [name, command, expected] of [
  ['a flag with its value', ['--api-key=abc', '--port=80'], ['--api-key=(hidden)', '--port=80']],
  ['a flag with its value in the next argument', ['--token', 'abc', '--verbose'], ['--token', HIDDEN, '--verbose']],
  ['a flag that has no value', ['--use-token', '--verbose'], ['--use-token', '--verbose']],
  ['a system property', ['java', '-Ddb.password=abc', 'Main'], ['java', '-Ddb.password=(hidden)', 'Main']],
  [
    'a line for the shell',
    ['sh', '-c', 'TOKEN=abc run --secret "d e" --size 3; exit'],
    ['sh', '-c', 'TOKEN=(hidden) run --secret "(hidden)" --size 3; exit'],
  ],
  [
    'a header in a line for the shell',
    ['sh', '-c', "curl -H 'Authorization: Bearer abc' http://h/"],
    ['sh', '-c', "curl -H 'Authorization: (hidden)' http://h/"],
  ],
  ['JSON', ['--config', '{"api_key":"abc","n":1}'], ['--config', '{"api_key":"(hidden)","n":1}']],
  ['a password in a URL', ['--db', 'postgres://u:p@ss@h:5432/db'], ['--db', 'postgres://u:(hidden)@h:5432/db']],
  ['a password without a user', ['redis://:abc@h'], ['redis://:(hidden)@h']],
  ['a secret in a query', ['http://h/x?token=abc&n=1'], ['http://h/x?token=(hidden)&n=1']],
] as const) {
  test(`hidden in a command: ${name}`, t => {
    t.deepEqual(shown({ command: [...command] })['command'], expected);
    t.deepEqual(shown({ entrypoint: [...command] })['entrypoint'], expected);
    t.deepEqual((shown({ healthcheck: { test: ['CMD', ...command] } })['healthcheck'] as { test: string[] }).test, [
      'CMD',
      ...expected,
    ]);
  });
}

test('what only sounds like a secret is shown', t => {
  const command = [
    '--max-tokens',
    '512',
    '--tokenizer=/models/t',
    '--password-file',
    '/run/secrets/p',
    'http://token-service:8080/',
    'echo $TOKEN',
  ];
  t.deepEqual(shown({ command })['command'], command);
  const environment = { MAX_TOKENS: '512', TOKENIZERS_PARALLELISM: 'false', DB_PASSWORD_FILE: '/run/secrets/p' };
  t.deepEqual(shown({ environment })['environment'], environment);
});

test('variables and labels are hidden by name, and passwords in their URLs', t => {
  const members = {
    DB_PASSWORD: '1234',
    MYSQL_PWD: 'abc',
    DATABASE_URL: 'postgres://u:p@h/db',
    JAVA_OPTS: '-Dtoken=abc',
  };
  const expected = {
    DB_PASSWORD: HIDDEN,
    MYSQL_PWD: HIDDEN,
    DATABASE_URL: 'postgres://u:(hidden)@h/db',
    JAVA_OPTS: '-Dtoken=(hidden)',
  };
  t.deepEqual(shown({ environment: members })['environment'], expected);
  t.deepEqual(shown({ labels: members })['labels'], expected);
});

test('headers of probes and of the warm-up are hidden, and secret members of its body', t => {
  const headers = { Authorization: 'Bearer abc', 'X-Api-Key': 'abc', Cookie: 'id=abc', Accept: 'text/plain' };
  const expected = { Authorization: HIDDEN, 'X-Api-Key': HIDDEN, Cookie: HIDDEN, Accept: 'text/plain' };
  const check = { kind: 'http', path: '/health?token=abc', headers } as const;
  const view = shown({
    probes: { startup: { check }, readiness: { check }, liveness: { check } },
    warmup: { http: { path: '/v1', headers, body: { max_tokens: 1, auth: { api_key: 'abc' }, list: ['token=abc'] } } },
  });
  for (const probe of ['startup', 'readiness', 'liveness']) {
    t.like(view['probes'], { [probe]: { check: { path: '/health?token=(hidden)', headers: expected } } });
  }
  t.like(view['warmup'], {
    http: { headers: expected, body: { max_tokens: 1, auth: { api_key: HIDDEN }, list: ['token=(hidden)'] } },
  });
});

test('the content of a secret file is hidden, and that of a config shown', t => {
  const file = { target: '/f', contentBase64: 'YWJj' };
  t.like(shown({ files: [file, { ...file, secret: false }] }), {
    files: [{ contentBase64: HIDDEN }, { contentBase64: 'YWJj' }],
  });
});

test('no secret survives, wherever a command line has it', t => {
  const secret = 'hunter2hunter2';
  const word = fc.constantFrom('run', '-v', '--size=3', 'a b', 'http://h:80/x', '"quoted"', '&&', '{}');
  const carrier = fc.constantFrom(
    [`--api-key=${secret}`],
    ['--token', secret],
    [`PASSWORD='${secret}' run`],
    [`https://user:${secret}@host/`],
    [`-H "Authorization: Basic ${secret}"`],
  );
  fc.assert(
    fc.property(fc.array(word), carrier, fc.array(word), (before, carried, after) => {
      t.notRegex(JSON.stringify(shown({ command: [...before, ...carried, ...after] })), /hunter2/);
      t.notRegex(JSON.stringify(shown({ command: [[...before, ...carried, ...after].join(' ')] })), /hunter2/);
    }),
  );
  t.pass();
});

test('a spec without secrets is shown as it is', t => {
  const spec = serviceSpec.parse({ namespace: 'ns', name: 'svc', image: 'i:1', command: ['serve', '--port', '80'] });
  t.deepEqual(maskSpec(spec), spec as unknown as Record<string, unknown>);
});

test('the longest texts do not hold up a description', t => {
  const long = ['a'.repeat(130_000), 'a://'.repeat(32_000), 'token'.repeat(26_000), 'token='.repeat(21_000)];
  t.is((shown({ command: long })['command'] as string[]).length, 4);
});
