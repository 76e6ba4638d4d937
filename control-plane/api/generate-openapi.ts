import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openApiText } from './openapi.ts';

/** Writes docs/openapi.json. With --check it writes nothing and fails where the file differs from what the routes say. */
const file = path.join(import.meta.dirname, '../../docs/openapi.json');
if (!process.argv.includes('--check')) {
  await writeFile(file, openApiText());
} else if ((await readFile(file, 'utf8').catch(() => '')) !== openApiText()) {
  console.error(
    'docs/openapi.json is not what the routes say. Run `node control-plane/api/generate-openapi.ts` and commit the result.',
  );
  process.exitCode = 1;
}
