import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { OutriggerCommand, output, startCommand, withoutSettings } from '../product/outrigger-command.ts';

/** The package as whoever installs it gets it: packed, installed into an empty folder, and used from there. */
const ROOT = path.join(import.meta.dirname, '../..');
/** What the package is made from; nothing else may be needed to pack it. */
const SOURCES = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'README.md', 'LICENSE'];
const FOLDERS = ['cli', 'client', 'control-plane', 'sidecar', 'packaging', 'proto', 'docs'];
/** Node 24, whatever the machine has. */
const NODE_FOLDER = path.dirname(process.execPath);
const environment = {
  ...withoutSettings(process.env),
  PATH: `${NODE_FOLDER}${path.delimiter}${process.env['PATH']}`,
};

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

let folder: string;
let app: string;
let packed: Packed;

test.before(async t => {
  t.timeout(170_000);
  folder = await mkdtemp(path.join(tmpdir(), 'outrigger-package-'));
  const sources = path.join(folder, 'sources');
  await mkdir(sources);
  for (const name of [...SOURCES, ...FOLDERS])
    await cp(path.join(ROOT, name), path.join(sources, name), { recursive: true });
  // The compiler and the types that the build needs.
  await symlink(path.join(ROOT, 'node_modules'), path.join(sources, 'node_modules'));
  const told = await output('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: sources,
    env: environment,
  });
  packed = JSON.parse(told.slice(told.indexOf('[\n')))[0];

  app = path.join(folder, 'app');
  await mkdir(app);
  await writeFile(path.join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', path.join(folder, packed.filename)];
  await output('npm', install, { cwd: app, env: environment });
  await ensureBusyboxImage();
});

test.after.always(async () => {
  await rm(folder, { recursive: true, force: true });
});

const installed = (...parts: string[]) => path.join(app, 'node_modules/outrigger', ...parts);

test('the package holds compiled programs, the types of the client, the contract, the documentation and its licence, and nothing else', async t => {
  const paths = packed.files.map(file => file.path);
  for (const needed of [
    'package.json',
    'LICENSE',
    'README.md',
    'dist/cli/main.js',
    'dist/client/index.js',
    'dist/client/index.d.ts',
    'proto/outrigger/v1/control.proto',
    'proto/outrigger/v1/discovery.proto',
    'docs/openapi.json',
    'docs/x-outrigger.schema.json',
    'docs/gpus.md',
    'docs/decisions/0003-consul.md',
  ]) {
    t.true(paths.includes(needed), needed);
  }
  const expected =
    /^(package\.json|LICENSE|README\.md|docs\/[a-z-.]+\.json|docs\/(decisions\/)?[\w-]+\.md|proto\/.+\.proto|dist\/cli\/[\w-]+\.js|dist\/cli\/THIRD-PARTY-LICENCES\.txt|dist\/(client|proto)\/.+\.(js|d\.ts))$/;
  t.deepEqual(
    paths.filter(file => !expected.test(file)),
    [],
  );
  t.log(`${(packed.size / 1024).toFixed(0)} KiB packed, ${(packed.unpackedSize / 1024).toFixed(0)} KiB unpacked`);
  t.true(packed.size < 1024 * 1024, 'less than 1 MiB');
});

test('every package of which something is in the command has its licence there', async t => {
  const files = await readdir(installed('dist/cli'));
  const texts = await Promise.all(files.map(file => readFile(installed('dist/cli', file), 'utf8')));
  const inside = texts.flatMap(text =>
    [...text.matchAll(/^\/\/ .*node_modules\/((?:@[^/]+\/)?[^/\s]+)\//gm)].map(m => m[1]!),
  );
  const told = await readFile(installed('dist/cli/THIRD-PARTY-LICENCES.txt'), 'utf8');
  const licensed = told.split(/\n-{80}\n\n/).map(licence => /^(\S+) \d+\.\d+\.\d+\n\n.{10}/.exec(licence)?.[1]);
  t.deepEqual(licensed, [...new Set(inside)].sort());
  const { dependencies } = JSON.parse(await readFile(installed('package.json'), 'utf8'));
  t.deepEqual(
    licensed.filter(name => name === undefined || name in dependencies),
    [],
    'it is not installed as well',
  );
});

test('a command loads what it needs and nothing of the others', async t => {
  const files = await readdir(installed('dist/cli'));
  const heavy = /^(compile|consul|docker|serve|yaml|zod)-/;
  for (const command of ['run', 'up', 'down', 'ps', 'logs', 'resolve', 'scale', 'events', 'nodes', 'why']) {
    const first = files.find(file => new RegExp(`^${command}-[\\w-]{8}\\.js$`).test(file));
    t.truthy(first, command);
    const loaded = await loadedAtOnce(first ?? '');
    t.deepEqual(
      [...loaded].filter(file => heavy.test(file)),
      [],
      command,
    );
    t.true(loaded.size <= 12, `${command} takes ${loaded.size} files: see the groups in packaging/bundle.ts`);
  }
});

/** The files of the command that are loaded together with one of them. */
async function loadedAtOnce(file: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(file)) return found;
  found.add(file);
  const text = await readFile(installed('dist/cli', file), 'utf8');
  for (const [, other] of text.matchAll(/^(?:import|export) (?:.* from )?"\.\/(.+)";$/gm))
    await loadedAtOnce(other!, found);
  return found;
}

test('nothing that only development needs is installed, and grpc-js is there once', async t => {
  const { devDependencies } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
  const there = new Set<string>();
  for await (const name of packagesIn(path.join(app, 'node_modules'))) there.add(name);
  const needless = Object.keys(devDependencies).filter(name => !name.startsWith('@types/') && there.has(name));
  t.deepEqual(needless, []);
  const copies = await output('npm', ['ls', '@grpc/grpc-js', '--all', '--parseable'], { cwd: app, env: environment });
  t.is(new Set(copies.trim().split('\n')).size, 1, 'a resolver is known to one copy only');
});

test('the command says its version and its commands', async t => {
  const bin = path.join(app, 'node_modules/.bin/outrigger');
  t.true((await lstat(bin)).isSymbolicLink());
  t.true(((await stat(bin)).mode & 0o111) !== 0);
  const { version } = JSON.parse(await readFile(installed('package.json'), 'utf8'));
  const env = { ...environment, OUTRIGGER_STATE: path.join(folder, 'no-state') };
  t.true((await output(bin, ['version'], { env })).includes(version));
  const help = await output(bin, ['--help'], { env });
  for (const command of ['up', 'down', 'ps', 'logs', 'resolve', 'serve'])
    t.regex(help, new RegExp(`^ +${command} `, 'm'));
});

test('on an older Node the command says that it needs Node 24, and ends with 1', async t => {
  const old = await olderNode();
  const args = [...(old?.args ?? PRETENCE), installed('dist/cli/main.js'), 'up'];
  const { status, stderr } = await startCommand(old?.program ?? process.execPath, args, { env: environment }).ended;
  t.is(status, 1);
  t.regex(stderr, /^outrigger needs Node\.js 24 or newer; this is \d+\./);
  t.notRegex(stderr, /\n +at /, 'no stack');
});

test('a service is brought up with the installed command, found and called by programs, and taken down', async t => {
  t.timeout(150_000);
  const outrigger = await OutriggerCommand.open({
    program: path.join(app, 'node_modules/.bin/outrigger'),
    environment: { PATH: environment.PATH },
  });
  t.teardown(() => outrigger.dispose());
  await outrigger.write('compose.yaml', SERVICE);
  await outrigger.must('up', '-d');
  const env = { ...outrigger.environment, ...environment, OUTRIGGER_STATE: outrigger.environment['OUTRIGGER_STATE'] };
  const node = (...args: string[]) => output(process.execPath, args, { cwd: app, env });

  await writeFile(path.join(app, 'program.mjs'), JAVASCRIPT);
  t.deepEqual(JSON.parse(await node('program.mjs')), { status: 200, text: 'packed\n', endpoints: 2 });

  await writeFile(path.join(app, 'program.cjs'), COMMONJS);
  t.deepEqual(JSON.parse(await node('program.cjs')), { endpoints: 2 });

  await writeFile(path.join(app, 'program.ts'), TYPESCRIPT);
  await compile(app);
  t.deepEqual(JSON.parse(await node('out/program.js')), { status: 200, replicas: 2, code: 'not_found' });

  await outrigger.must('down');
  t.deepEqual(await outrigger.left(), { containers: [], networks: [] });
});

test('a program that uses the client wrongly does not compile', async t => {
  const wrong = path.join(folder, 'wrong');
  await mkdir(wrong);
  await symlink(path.join(app, 'node_modules'), path.join(wrong, 'node_modules'));
  await writeFile(path.join(wrong, 'package.json'), JSON.stringify({ type: 'module' }));
  await writeFile(
    path.join(wrong, 'program.ts'),
    `import { createFetch } from 'outrigger';\ncreateFetch({ retry: 'sometimes' });\n`,
  );
  const error = await t.throwsAsync(compile(wrong));
  t.regex(error?.message ?? '', /program\.ts\(2,15\): error TS2322.*"sometimes"/);
});

const SERVICE = `
name: packed
services:
  web:
    image: ${BUSYBOX_IMAGE}
    command: ["sh", "-c", "mkdir -p /tmp/www && echo packed > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"]
    init: true
    expose: ["8080"]
    x-outrigger: {protocol: http, replicas: 2}
`;

const JAVASCRIPT = `
import { createFetch, resolve } from 'outrigger';
const { endpoints } = await resolve('packed/web');
const fetch = createFetch();
const response = await fetch('http://web.packed.outrigger/');
console.log(JSON.stringify({ status: response.status, text: await response.text(), endpoints: endpoints.length }));
await fetch.close();
`;

const COMMONJS = `
const { resolve } = require('outrigger');
resolve('packed/web').then(({ endpoints }) => console.log(JSON.stringify({ endpoints: endpoints.length })));
`;

const TYPESCRIPT = `
import { CHANNEL_OPTIONS, createFetch, DiscoveryError, InFlight, type Resolution, resolve, watch } from 'outrigger';
const found: Resolution = await resolve('packed/web', { timeoutMs: 10_000 });
const first = found.endpoints[0];
if (first === undefined) throw new Error('there is no endpoint');
const at: { host: string; port: number } = first;
const response: Response = await fetch(\`http://\${at.host}:\${at.port}/\`);
const replicas = await new Promise<number>(told => {
  const watching = watch('packed/web', ({ endpoints }) => {
    if (endpoints.length === 0) return;
    told(endpoints.length);
    queueMicrotask(() => watching.close());
  });
});
const code = await resolve('packed/nothing', { timeoutMs: 5_000 }).then(
  () => 'found',
  (error: unknown) => (error instanceof DiscoveryError ? error.code : String(error)),
);
const limit: number = CHANNEL_OPTIONS['grpc.max_receive_message_length'];
if (limit !== -1) throw new Error('options are not as documented');
const quiet = createFetch({ service: 'packed/web', retry: 'always' });
await new InFlight().quiesce({ timeoutMs: 1_000 });
await quiet.close();
console.log(JSON.stringify({ status: response.status, replicas, code }));
`;

/** Strictly, declarations of the package included; with our compiler and our types of Node. */
async function compile(where: string): Promise<void> {
  const options = {
    compilerOptions: {
      module: 'nodenext',
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      outDir: 'out',
      rootDir: '.',
      types: ['node'],
      typeRoots: [path.join(ROOT, 'node_modules/@types')],
    },
    files: ['program.ts'],
  };
  await writeFile(path.join(where, 'tsconfig.json'), JSON.stringify(options));
  await output(process.execPath, [path.join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: where });
}

/** An older Node that is installed on this machine. */
async function olderNode(): Promise<{ program: string; args: readonly string[] } | null> {
  for (const place of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const program = path.join(place, 'node');
    const version = await output(program, ['--version']).catch(() => '');
    const major = Number(/^v(\d+)\./.exec(version)?.[1] ?? Number.NaN);
    if (major < 24) return { program, args: [] };
  }
  return null;
}

/** Makes this Node say that it is an older one, for machines that have no older one. */
const PRETENCE = [
  '--import',
  `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.1.0'}})`,
];

async function* packagesIn(modules: string): AsyncGenerator<string> {
  for (const name of await readdir(modules)) {
    if (name.startsWith('.')) continue;
    const inner = name.startsWith('@') ? (await readdir(path.join(modules, name))).map(n => `${name}/${n}`) : [name];
    for (const found of inner) {
      yield found;
      const nested = path.join(modules, found, 'node_modules');
      if (await stat(nested).catch(() => null)) yield* packagesIn(nested);
    }
  }
}
