import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Each knows those before it, and the nouns beside them. */
const ROOMS = ['placement', 'nodes', 'lifecycle', 'waiting', 'rollout', 'plan'] as const;

interface Line {
  readonly what: string;
  /** Where the line stands, in a file of its own. */
  readonly folder: string;
  readonly line: string;
}

const using = (from: string) => `import { x } from '${from}';\n\nexport const y = x;`;
const inCore = (what: string, line: string, room = ''): Line => ({
  what,
  folder: path.join('control-plane/core', room),
  line,
});

const IMPURE: readonly Line[] = [
  inCore('a module of Node', using('node:fs')),
  inCore('a module of Node, by its short name', using('fs/promises')),
  inCore('a package that does I/O', using('dockerode')),
  inCore('any other package', using('ssh2'), 'placement'),
  inCore('any other package, for metrics', using('prom-client')),
  inCore('a scoped package', using('@grpc/grpc-js'), 'plan'),
  inCore('part of a package', using('zod/v4')),
  inCore('a package for what its import does', "import 'ssh2';"),
  inCore('a package that is imported late', "export const y = await import('ssh2');"),
  inCore('a package that is passed on', "export * from 'ssh2';"),
  inCore('a schema outside its nouns', using('zod'), 'rollout'),
  inCore('another room of the house', using('../ports.ts')),
  inCore('a room within another room', using('../engine/docker/index.ts')),
  inCore('another room of the house, from a room of its own', using('../../ports.ts'), 'lifecycle'),
  inCore('another room of the house, from a room that is new', using('../../ports.ts'), 'a-new-room'),
  inCore('the sidecar', using('../../../sidecar/index.ts'), 'lifecycle'),
  inCore('the clock', 'export const y = Date.now();', 'lifecycle'),
  inCore('the clock, by what words dates', 'export const y = new Intl.DateTimeFormat().format();', 'lifecycle'),
  inCore('the clock, by its new name', 'export const y = Temporal.Now.instant();'),
  inCore('the clock, by the global object', 'export const y = globalThis.Date.now();'),
  inCore('the clock, by the other name of the global object', 'export const y = global.Date.now();'),
  inCore('a timer', 'setImmediate(() => {});'),
  inCore('chance', 'export const y = Math.random();', 'placement'),
  inCore('a log', "console.log('x');"),
];

/** From each room to those that come after it, and from the nouns to each. */
const UPWARDS: readonly Line[] = [
  ...ROOMS.flatMap((room, i) => [
    ...ROOMS.slice(i + 1).map(to => inCore(`core/${to} from core/${room}`, using(`../${to}/zz.ts`), room)),
    inCore(`core/reconcile.ts from core/${room}`, using('../reconcile.ts'), room),
    inCore(`core/${room} from the nouns`, using(`./${room}/zz.ts`)),
  ]),
];

/** Of other rooms of the house, which are no part of the core. */
const ELSEWHERE: readonly Line[] = [
  ...['../controller/desired-state.ts', '../ports.ts', '../../sidecar/index.ts', 'node:fs'].map(from => ({
    what: `${from} from what words things`,
    folder: 'control-plane/views',
    line: using(from),
  })),
  { what: 'the controller from the API', folder: 'control-plane/api', line: using('../controller/event-feed.ts') },
  ...['api', 'nodes', 'compose', 'registry'].map(room => ({
    what: `the inside of the sidecar from ${room}/`,
    folder: `control-plane/${room}`,
    line: using('../../sidecar/prober.ts'),
  })),
];

const ALLOWED: readonly Line[] = [
  ...ROOMS.flatMap((room, i) =>
    [...ROOMS.slice(0, i + 1).map(to => `../${to}/zz.ts`), '../spec.ts'].map(from =>
      inCore(`${from} from core/${room}`, using(from), room),
    ),
  ),
  inCore('what is pure of a global', 'export const y = Math.floor(1.5);', 'lifecycle'),
  inCore('a schema in its nouns', using('zod')),
  inCore('another noun', using('./spec.ts')),
  {
    what: 'the core from what words things',
    folder: 'control-plane/views',
    line: using('../core/nodes/device-use.ts'),
  },
  { what: 'the sidecar', folder: 'control-plane', line: using('../sidecar/index.ts') },
];

const LINES = [...IMPURE, ...UPWARDS, ...ELSEWHERE, ...ALLOWED];
const fileOf = (line: Line) => path.join(line.folder, `zz${LINES.indexOf(line)}.ts`);
/** By file, the rules that speak up there. */
const found = new Map<string, readonly string[]>();

test.before('all of them are linted', () => {
  const diagnostics = lint(new Map(LINES.map(line => [fileOf(line), `${line.line}\n`])));
  for (const [file, all] of Map.groupBy(diagnostics, d => d.file))
    found.set(
      file,
      all.map(d => d.rule),
    );
});

for (const line of [...IMPURE, ...UPWARDS, ...ELSEWHERE]) {
  test(`lint refuses ${line.what}`, t => {
    const rules = found.get(fileOf(line)) ?? [];
    t.true(
      rules.some(rule => /noRestricted(Imports|Globals)|^plugin$/.test(rule)),
      rules.join(),
    );
  });
}

for (const line of ALLOWED) {
  test(`lint lets through ${line.what}`, t => t.deepEqual(found.get(fileOf(line)) ?? [], []));
}

test('every room of the core is among those that are tried', t => {
  const folders = readdirSync(path.join(ROOT, 'control-plane/core'), { withFileTypes: true }).filter(e =>
    e.isDirectory(),
  );
  t.deepEqual(folders.map(e => e.name).sort(), [...ROOMS].sort());
});

/** Lints files with the project's own rules, in a folder of their own. */
function lint(files: ReadonlyMap<string, string>): { readonly file: string; readonly rule: string }[] {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'outrigger-purity-')));
  try {
    for (const name of ['biome.json', 'lint'])
      cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    for (const [file, text] of files) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), text);
    }
    const options = ['--reporter=github', '--max-diagnostics=none', '--diagnostic-level=error'];
    const { stdout } = spawnSync('biome', ['lint', ...options, '.'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    return [...stdout.matchAll(/^::error title=([^,]+),file=([^,]+),/gm)].map(([, rule, file]) => ({
      file: path.relative(folder, path.resolve(folder, file ?? '')),
      rule: rule ?? '',
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
