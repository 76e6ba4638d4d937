import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';

/**
 * `node packaging/bundle.ts [folder]`: makes the `outrigger` command that is published, by default in dist/cli. Its 400
 * modules become a few files, because Node takes a quarter of a millisecond to find and link each, which for `up` adds up to
 * half of what the command costs. What package.json calls a dependency stays outside; what is only a development
 * dependency goes in, as far as it is used, and its licence with it.
 *
 * Nothing is minified: what is compiled is cached by Node anyway, and a stack trace names functions and the lines of files
 * that can be read. A comment before each module says which source it was.
 */
const ROOT = path.join(import.meta.dirname, '..');
const LICENCES = 'THIRD-PARTY-LICENCES.txt';

export async function bundle(folder: string): Promise<void> {
  const { dependencies } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
  const outside = Object.keys(dependencies);
  await using build = await rolldown({
    cwd: ROOT,
    input: { main: 'cli/main.ts' },
    platform: 'node',
    plugins: [builtins],
    external: module => outside.some(name => module === name || module.startsWith(`${name}/`)),
    transform: { target: 'node24' },
    // Completion loads the tree of commands by itself, which the command line has loaded already.
    checks: { ineffectiveDynamicImport: false },
    onLog: (_level, log) => {
      throw new Error(log.message);
    },
  });
  const { output } = await build.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    // A control plane that runs on loads what it needs later from the files that it was started from, or not at all.
    chunkFileNames: '[name]-[hash].js',
    comments: { jsdoc: false },
    codeSplitting: {
      groups: GROUPS.map(({ members, ...group }) => ({ ...group, test: module => members.some(m => m.has(module)) })),
    },
  });
  const chunks = output.filter(file => file.type === 'chunk');
  refuseEmptyMembers(
    GROUPS,
    chunks.flatMap(chunk => chunk.moduleIds),
  );
  await writeFile(path.join(folder, LICENCES), await licencesOf(chunks));
  const written = new Set([LICENCES, ...output.map(file => file.fileName)]);
  const stale = (await readdir(folder)).filter(name => !written.has(name));
  for (const name of stale) await rm(path.join(folder, name), { recursive: true });
}

/**
 * Those of Node's own modules that every command uses and that have getters, without what importing them by name costs: an
 * `import` of one export reads them all, which for `process` opens standard input, and for `fs` and `util` loads a dozen
 * modules that nobody asked for. Whoever imports something that only a getter gives is told so by the build.
 */
const builtins: Plugin = {
  name: 'builtins',
  resolveId: id => (/^node:(fs|process|util)$/.test(id) ? `\0${id}` : null),
  load: id => {
    if (!id.startsWith('\0node:')) return null;
    const name = id.slice(1);
    const properties = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(name) ?? {}));
    const plain = properties.filter(([key, { get }]) => get === undefined && /^[a-zA-Z]\w*$/.test(key));
    const names = name === 'node:process' ? [] : plain.map(([key]) => key);
    return `const module = process.getBuiltinModule('${name}');
      export default module;
      export const { ${names.join(', ')} } = module;`;
  },
};

/**
 * Which modules share a file. Without this each set of commands that have a module in common makes one of its own, some
 * hundred; with it, what one command needs together mostly lies together. No module may come into a group that loads
 * more than whoever needs that module: tests/package says so.
 */
const GROUPS: readonly Group[] = [
  { name: 'yaml', members: [packageNamed('yaml')] },
  { name: 'zod', members: [packageNamed('zod')] },
  {
    // What is there before it is known which command it is.
    name: 'command-line',
    members: [
      ...['commander', 'fastest-levenshtein'].map(packageNamed),
      ...sources('cli', [
        'declare/',
        'context',
        'exit-code',
        'interruption',
        'output',
        'program',
        'run',
        'usage-error',
      ]),
      ...sources('control-plane', ['core/errors', 'version']),
    ],
  },
  {
    // What most commands do: connect, ask, follow, and show it.
    name: 'command',
    members: [
      {
        name: 'cli/, but its commands',
        has: module =>
          source(module).startsWith('cli/') && !/^cli\/(main\.ts$|commands\/|doctor\/)/.test(source(module)),
      },
      ...sources('client', ['client-error', 'control-address', 'credentials']),
      ...sources('control-plane', [
        'admission/bind-folders',
        'core/bytes-in-words',
        'node-http',
        'nodes/no-nodes-file',
        'state-folder',
      ]),
    ],
    minShareCount: 2,
  },
  {
    // What is there before Compose has answered.
    name: 'ask-compose',
    members: [
      ...sources('control-plane/written-files', ['format-located']),
      ...sources('control-plane/compose', [
        'are-harmless',
        'build-images',
        'compose-command',
        'declared-services',
        'find-files',
        'index',
        'load-service-file',
        'missing-images',
        'project-name',
        'provider-options',
        'read',
        'run-compose',
      ]),
    ],
  },
];

interface Group {
  readonly name: string;
  readonly members: readonly Member[];
  readonly minShareCount?: number;
}

/** One package, one file or one folder. */
interface Member {
  readonly name: string;
  readonly has: (module: string) => boolean;
}

/**
 * A file that was renamed would leave its group without a word, and each command would take longer.
 * @throws Error that names them
 */
export function refuseEmptyMembers(groups: readonly Group[], modules: readonly string[]): void {
  for (const { name: group, members } of groups) {
    const empty = members.filter(member => !modules.some(module => member.has(module))).map(member => member.name);
    if (empty.length === 0) continue;
    throw new Error(`The group "${group}" in packaging/bundle.ts names what is not in the bundle: ${empty.join(', ')}`);
  }
}

/** Files without their `.ts`, and folders with a slash at their end. */
function sources(folder: string, names: readonly string[]): Member[] {
  return names.map(part => {
    const name = `${folder}/${part}`;
    return name.endsWith('/')
      ? { name, has: module => source(module).startsWith(name) }
      : { name: `${name}.ts`, has: module => source(module) === `${name}.ts` };
  });
}

function source(module: string): string {
  return path.relative(ROOT, module);
}

function packageNamed(name: string): Member {
  return { name, has: module => packageOf(module)?.name === name };
}

/** The package that a module comes from, and its folder; null for a source of our own. */
function packageOf(module: string): { name: string; folder: string } | null {
  const [, folder, name] = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(module) ?? [];
  return folder === undefined || name === undefined ? null : { name, folder };
}

/** The licence of each package of which something went in. */
async function licencesOf(chunks: readonly OutputChunk[]): Promise<string> {
  const used = new Map<string, string>();
  for (const module of chunks.flatMap(chunk => chunk.moduleIds)) {
    const { name, folder } = packageOf(module) ?? {};
    if (name !== undefined && folder !== undefined) used.set(name, folder);
  }
  const texts: string[] = [];
  for (const [name, folder] of [...used].sort()) {
    const file = (await readdir(folder)).find(entry => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${folder} has no licence: expected a file LICENSE in it`);
    const { version } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
    texts.push(`${name} ${version}\n\n${(await readFile(path.join(folder, file), 'utf8')).trim()}\n`);
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

if (import.meta.main) await bundle(path.resolve(process.argv[2] ?? path.join(ROOT, 'dist/cli')));
