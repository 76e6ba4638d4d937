import test from 'ava';
import { type ServiceSpecInput, serviceSpec } from '../../control-plane/core/spec.ts';
import { load, loadSpecs, projectFolder, shown } from './project-folder.ts';

/** One service `a` with an image, and what a row adds to it; expected is how the spec differs from that of an empty row. */
export const compiles = test.macro({
  title: (title = '') => title,
  async exec(t, lines: string, expected: Partial<ServiceSpecInput>, more = '') {
    const body = lines.split('\n').map(line => `    ${line}`);
    const image = /^(image|build):/m.test(lines) ? [] : ['    image: model:1'];
    const text = ['services:', '  a:', ...image, ...body, more].join('\n');
    const folder = await projectFolder(t, { 'compose.yaml': text });
    const specs = await loadSpecs(t, folder);
    const spec = specs.find(candidate => candidate.name === 'a');
    t.deepEqual(spec, serviceSpec.parse({ ...plain, ...expected, ...inFolder(expected, folder) }));
  },
});

export const plain: ServiceSpecInput = {
  namespace: 'project',
  name: 'a',
  image: 'model:1',
  networks: [{ name: 'project_default', key: 'default', aliases: ['a'] }],
};

/** `FOLDER` in expected mount sources is where the file lies. */
function inFolder(expected: Partial<ServiceSpecInput>, folder: string): Partial<ServiceSpecInput> {
  if (!expected.mounts) return {};
  return { mounts: JSON.parse(JSON.stringify(expected.mounts).replaceAll('FOLDER', folder)) };
}

/** One service `a` from line 2 on, with an image in line 3 and the row's lines from line 4 on. */
export const refusedService = test.macro({
  title: (title = '') => title,
  async exec(t, lines: string, expected: readonly string[], more = '') {
    const body = lines.split('\n').map(line => `    ${line}`);
    const text = ['services:', '  a:', '    image: model:1', ...body, more].join('\n');
    const folder = await projectFolder(t, { 'compose.yaml': text });
    const result = await load(folder);
    t.is(result.kind, 'invalid');
    t.deepEqual(
      result.kind === 'invalid' && shown(result.errors, folder),
      expected.map(line => `compose.yaml:${line}`),
    );
  },
});
