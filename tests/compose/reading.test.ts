import test from 'ava';
import { load, loadSpecs, plainEnvironment, projectFolder, shown } from './project-folder.ts';

const image = 'image: model:1';

test('later files win, and errors point into the file that said it', async t => {
  const folder = await projectFolder(t, {
    'a.yaml': `services:\n  a:\n    ${image}\n    x-outrigger: {port: 1, protocol: grpc}\n`,
    'b.yaml': 'services:\n  a:\n    x-outrigger:\n      port: 2\n',
    'c.yaml': 'services:\n  a:\n    x-outrigger:\n      prt: 3\n',
  });
  const [spec] = await loadSpecs(t, folder, { files: ['a.yaml', 'b.yaml'] });
  t.like(spec, { port: 2, protocol: 'grpc' });
  const wrong = await load(folder, { files: ['a.yaml', 'b.yaml', 'c.yaml'] });
  t.true(
    wrong.kind === 'invalid' && shown(wrong.errors, folder)[0]?.startsWith('c.yaml:4:7: services.a.x-outrigger.prt:'),
  );
});

test('compose.override.yaml is read without being named, from a folder below too', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `services: {a: {${image}}}`,
    'compose.override.yaml': 'services: {a: {x-outrigger: {port: 7}}}',
    'below/deep/file': '',
  });
  const [spec] = await loadSpecs(t, `${folder}/below/deep`);
  t.like(spec, { namespace: 'project', port: 7 });
});

test('COMPOSE_FILE names the files', async t => {
  const folder = await projectFolder(t, {
    'x.yaml': `services: {a: {${image}}}`,
    'y.yaml': 'services: {a: {x-outrigger: {bad: 7}}}',
  });
  const result = await load(folder, { environment: plainEnvironment({ COMPOSE_FILE: 'x.yaml:y.yaml' }) });
  t.true(result.kind === 'invalid' && shown(result.errors, folder)[0]?.startsWith('y.yaml:1:'));
});

test('a file from standard input', async t => {
  const folder = await projectFolder(t, {});
  const [spec] = await loadSpecs(t, folder, { files: ['-'], stdin: `services: {a: {${image}}}` });
  t.like(spec, { name: 'a' });
  const wrong = await load(folder, { files: ['-'], stdin: `services:\n  a: {${image}, scale: 2, ports: ["1:1"]}` });
  t.true(wrong.kind === 'invalid' && shown(wrong.errors, folder)[0]?.startsWith('<stdin>:2:'));
  await t.throwsAsync(load(folder, { files: ['-'] }), { message: /standard input/ });
});

test('the project name: by option, by the file, by the folder', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `services: {a: {${image}}}`,
    'named.yaml': `name: named\nservices: {a: {${image}}}`,
  });
  const namespace = async (options: Parameters<typeof load>[1]) => (await loadSpecs(t, folder, options))[0]?.namespace;
  t.is(await namespace({}), 'project');
  t.is(await namespace({ files: ['named.yaml'] }), 'named');
  t.is(await namespace({ files: ['named.yaml'], projectName: 'given' }), 'given');
  await t.throwsAsync(load(folder, { projectName: 'A B' }), {
    code: 'invalid_argument',
    message: /project name "A B"/,
  });
});

test('profiles', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `services:\n  a: {${image}}\n  b: {${image}, profiles: [p]}\n  c: {${image}, profiles: [q], depends_on: [b]}\n`,
  });
  const names = async (options: Parameters<typeof load>[1]) => (await loadSpecs(t, folder, options)).map(s => s.name);
  t.deepEqual(await names({}), ['a']);
  t.deepEqual(await names({ profiles: ['p'] }), ['a', 'b']);
  t.deepEqual(await names({ services: ['b'] }), ['b']);
  const off = await load(folder, { profiles: ['q'] });
  t.true(
    off.kind === 'invalid' && shown(off.errors, folder)[0]?.includes('"b" is in a profile that is not switched on'),
  );
});

test('.env, env files and the environment interpolate as in Compose', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': 'services: {a: {image: "m:$TAG"}}',
    '.env': 'TAG=dotenv',
    'other.env': 'TAG=other',
  });
  const used = async (options: Parameters<typeof load>[1]) => (await loadSpecs(t, folder, options))[0]?.image;
  t.is(await used({}), 'm:dotenv');
  t.is(await used({ envFiles: ['other.env'] }), 'm:other');
  t.is(await used({ environment: plainEnvironment({ TAG: 'shell' }) }), 'm:shell');
  await t.throwsAsync(load(folder, { envFiles: ['nope.env'] }), { code: 'not_found', message: /nope\.env/ });
});

test('env_file of a service', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `services: {a: {${image}, env_file: [e.env], environment: {B: "2"}}}`,
    'e.env': 'A=1\nB=1\nMONEY="$$5"\n',
  });
  const [spec] = await loadSpecs(t, folder);
  t.like(spec?.environment, { A: '1', B: '2' });
});

test('extends: what the target says counts, and its mistakes are shown in it', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': 'services:\n  a:\n    extends: {file: base/models.yaml, service: base}\n',
    'base/models.yaml': `services:\n  base:\n    extends: root\n    ${image}\n  root:\n    x-outrigger: {port: 5}\n`,
    'wrong.yaml': 'services:\n  a:\n    extends: {file: base/wrong.yaml, service: base}\n',
    'base/wrong.yaml': `services:\n  base:\n    extends: root\n    ${image}\n  root:\n    x-outrigger:\n      port: x\n`,
  });
  t.like((await loadSpecs(t, folder))[0], { name: 'a', port: 5 });
  const wrong = await load(folder, { files: ['wrong.yaml'] });
  t.true(
    wrong.kind === 'invalid' &&
      shown(wrong.errors, folder)[0]?.startsWith('base/wrong.yaml:7:7: services.a.x-outrigger.port'),
  );
});

test('include: services of other files, and their mistakes in them', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `include: [other/compose.yaml]\nservices: {a: {${image}}}\n`,
    'other/compose.yaml': `services:\n  b:\n    ${image}\n    volumes: [./x:/x]\n`,
    'wrong.yaml': `include:\n  - path: other/wrong.yaml\nservices: {a: {${image}}}\n`,
    'other/wrong.yaml': `services:\n  b:\n    ${image}\n    x-outrigger:\n      nope: 1\n`,
  });
  const specs = await loadSpecs(t, folder);
  t.deepEqual(
    specs.map(spec => spec.name),
    ['a', 'b'],
  );
  t.like(specs[1]?.mounts[0], { source: `${folder}/other/x` });
  const wrong = await load(folder, { files: ['wrong.yaml'] });
  t.true(
    wrong.kind === 'invalid' &&
      shown(wrong.errors, folder)[0]?.startsWith('other/wrong.yaml:5:7: services.b.x-outrigger.nope'),
  );
});

test('mistakes behind an anchor or a merge are shown where they are written', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `x-d: &d\n  prt: 1\nservices:\n  a:\n    ${image}\n    x-outrigger:\n      <<: *d\n  b:\n    ${image}\n    x-outrigger: *d\n`,
  });
  const result = await load(folder);
  t.deepEqual(result.kind === 'invalid' && shown(result.errors, folder).map(line => line.slice(0, 51)), [
    'compose.yaml:2:3: services.a.x-outrigger.prt: unkno',
    'compose.yaml:2:3: services.b.x-outrigger.prt: unkno',
  ]);
});

test('services by name bring what they depend on', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `services:\n  a: {${image}, depends_on: [b]}\n  b: {${image}}\n  c: {${image}}\n`,
  });
  t.deepEqual(
    (await loadSpecs(t, folder, { services: ['a'] })).map(spec => spec.name),
    ['a', 'b'],
  );
  await t.throwsAsync(load(folder, { services: ['z'] }), { code: 'not_found', message: /no service "z"/ });
});

test('where services name Outrigger as their provider, only those are compiled', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': [
      'services:',
      `  app: {${image}, depends_on: [model], privileged: true, mac_address: "02:42:ac:11:00:02"}`,
      `  model: {${image}, provider: {type: outrigger, options: {env-file: .env}}, depends_on: [db], x-outrigger: {port: 1}}`,
      `  db: {${image}, x-outrigger: {port: 1}}`,
    ]
      .join('\n')
      .replace('depends_on: [model], ', ''),
  });
  const result = await load(folder);
  t.is(result.kind, 'compiled');
  if (result.kind !== 'compiled') return;
  t.deepEqual(
    result.specs.map(spec => spec.name),
    ['model'],
  );
  t.deepEqual(result.applications, ['app', 'db']);
  t.like(result.specs[0], { networks: [{ name: 'project_default', aliases: ['model'] }], dependsOn: [] });
  t.deepEqual(
    shown(result.warnings, folder).map(line => line.split(': ')[1]),
    ['services.model.depends_on.db', 'services.db.x-outrigger'],
  );
  const all = await load(folder, { only: 'all' });
  t.is(all.kind, 'invalid');
  const named = await load(folder, { services: ['app'] });
  t.true(named.kind === 'invalid' && shown(named.errors, folder)[0]?.includes('Compose runs this service'));
});

test('only providers, where there are none: nothing', async t => {
  const folder = await projectFolder(t, { 'compose.yaml': `services: {a: {${image}}}` });
  const result = await load(folder, { only: 'provider' });
  t.like(result, { kind: 'compiled', specs: [], applications: ['a'] });
});

test('services with a build section are named, for Compose to build', async t => {
  const folder = await projectFolder(t, { 'compose.yaml': `services:\n  a: {build: .}\n  b: {${image}}\n` });
  t.like(await load(folder), { kind: 'compiled', builds: ['a'] });
});

test('secrets and configs from the environment, .env included, to the byte', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': [
      `services: {a: {${image}, secrets: [s, e], configs: [c]}}`,
      'secrets: {s: {environment: TOKEN}, e: {environment: EMPTY}}',
      'configs: {c: {environment: FROM_DOTENV}}',
    ].join('\n'),
    '.env': 'FROM_DOTENV="two\\nlines=$$5 \\"q\\""\nTOKEN=not this one\nEMPTY=\n',
  });
  const [spec] = await loadSpecs(t, folder, { environment: plainEnvironment({ TOKEN: 'a$b\nc' }) });
  const contents = spec?.files.map(file => [
    file.target,
    Buffer.from(file.contentBase64, 'base64').toString(),
    file.secret,
  ]);
  t.deepEqual(contents?.slice(0, 2), [
    ['/run/secrets/s', 'a$b\nc', true],
    ['/run/secrets/e', '', true],
  ]);
  t.regex(String(contents?.[2]?.[1]), /^two\nlines=\$.*"q"$/);
});

test('what Compose warns about is passed on with its line', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `version: "3"\nservices:\n  a:\n    image: "m:1\${NOT_SET_ANYWHERE}"\n`,
  });
  const result = await load(folder);
  t.is(result.kind, 'compiled');
  const lines = shown(result.kind === 'compiled' ? result.warnings : [], folder);
  t.true(
    lines.includes('compose.yaml:4:16: the variable "NOT_SET_ANYWHERE" is not set, so it counts as empty'),
    lines.join('\n'),
  );
  t.true(
    lines.some(line => line.startsWith('compose.yaml:1:1: version: ') && line.includes('obsolete')),
    lines.join('\n'),
  );
});

test('what Outrigger deliberately ignores is a warning with a reason', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': [
      'services:',
      '  a:',
      `    ${image}`,
      '    oom_score_adj: 5',
      '    ports: ["80"]',
      '    container_name: c1',
      '    environment: [NOT_SET_ANYWHERE]',
      '    x-outriger: {port: 1}',
      '    x-outrigger: {idle_timeout: 5m}',
      '    deploy: {update_config: {delay: 5s}}',
    ].join('\n'),
  });
  const result = await load(folder);
  t.is(result.kind, 'compiled');
  t.deepEqual(shown(result.kind === 'compiled' ? result.warnings : [], folder).sort(), [
    'compose.yaml:10:30: services.a.deploy.update_config.delay: ignored: Outrigger goes on once the new replica has been ready for update.monitor',
    'compose.yaml:4:5: services.a.oom_score_adj: ignored: Outrigger leaves this kernel setting as the engine has it',
    'compose.yaml:5:13: services.a.ports[0]: published on a free port of 127.0.0.1 only; write an address such as "0.0.0.0::80" for others',
    'compose.yaml:6:5: services.a.container_name: ignored as a name, because a service has several replicas; "c1" is a network alias of them all',
    'compose.yaml:7:19: services.a.environment.NOT_SET_ANYWHERE: has no value in the environment of this command, so the container gets none',
    'compose.yaml:8:5: services.a.x-outriger: this key is nobody\'s, and has no effect; did you mean "x-outrigger"?',
    'compose.yaml:9:19: services.a.x-outrigger.idle_timeout: is accepted, but has no effect yet: replicas run on, however long nobody calls them',
  ]);
});
