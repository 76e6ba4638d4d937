import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const INDEX = path.join(import.meta.dirname, '../../client/index.ts');

test('the package says which Node.js it needs before any of its libraries fails on an older one', async t => {
  const old = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.11.0'}})`;
  const program = `import(${JSON.stringify(INDEX)}).then(() => console.log('loaded'), e => console.log(e.message))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', old, '--eval', program]);
  t.is(stdout, 'outrigger needs Node.js 24 or newer; this is 20.11.0.\n');
});
