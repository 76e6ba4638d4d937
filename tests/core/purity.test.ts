import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';

const ROOT = path.resolve(import.meta.dirname, '../..');

const FORBIDDEN: readonly (readonly [what: string, file: string, line: string])[] = [
  ['a module of Node', 'zz.ts', "import { readFileSync } from 'node:fs'; export const y = readFileSync;"],
  ['a package that does I/O', 'zz.ts', "import Docker from 'dockerode'; export const y = Docker;"],
  ['another room', 'zz.ts', "import { x } from '../ports.ts'; export const y = x;"],
  ['a room within another room', 'zz.ts', "import { x } from '../engine/docker/index.ts'; export const y = x;"],
  [
    'another room, from a room of its own',
    'lifecycle/zz.ts',
    "import { x } from '../../ports.ts'; export const y = x;",
  ],
  ['the sidecar', 'lifecycle/zz.ts', "import { x } from '../../../sidecar/index.ts'; export const y = x;"],
  ['the clock', 'lifecycle/zz.ts', 'export const y = Date.now();'],
  ['the clock, by the global object', 'zz.ts', 'export const y = globalThis.Date.now();'],
  ['a timer', 'zz.ts', 'setImmediate(() => {});'],
  ['chance', 'placement/zz.ts', 'export const y = Math.random();'],
  ['a log', 'zz.ts', "console.log('x');"],
];

for (const [what, file, line] of FORBIDDEN) {
  test(`the core may not use ${what}`, t => {
    const linted = lint(`control-plane/core/${file}`, `${line}\n`);
    t.not(linted.status, 0);
    t.regex(linted.stderr, /noRestricted(Imports|Globals)|core is pure/);
  });
}

for (const from of ['../controller/desired-state.ts', '../ports.ts', '../../sidecar/index.ts', 'node:fs']) {
  test(`what is shown is put into words by what the core judges, without ${from}`, t => {
    const linted = lint('control-plane/views/zz.ts', `import { x } from '${from}';\n\nexport const y = x;\n`);
    t.not(linted.status, 0);
    t.regex(linted.stderr, /noRestrictedImports/);
  });
}

test('what is shown may use all of the core', t => {
  const line = "import { x } from '../core/nodes/device-use.ts';\n\nexport const y = x;\n";
  t.is(lint('control-plane/views/zz.ts', line).status, 0);
});

test('what is pure is let through', t => {
  const line = "import { x } from '../spec.ts';\n\nexport const y = Math.floor(x);\n";
  t.is(lint('control-plane/core/lifecycle/zz.ts', line).status, 0);
});

/** Lints the one file with the project's own rules, in a folder of its own. */
function lint(file: string, text: string) {
  const folder = mkdtempSync(path.join(tmpdir(), 'outrigger-purity-'));
  try {
    for (const name of ['biome.json', 'lint'])
      cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    const target = path.join(folder, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
    return spawnSync('biome', ['lint', file], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
