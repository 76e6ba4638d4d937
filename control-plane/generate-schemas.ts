import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { xOutriggerJsonSchema } from './compose/x-outrigger-json-schema.ts';
import { serviceSpec } from './core/spec.ts';
import { nodesJsonSchema } from './nodes/nodes-file.ts';

/** The JSON Schemas under docs/, as the program's own schemas have them. Name of the file → its text. */
export function schemaFiles(): Readonly<Record<string, string>> {
  return {
    'x-outrigger.schema.json': render(xOutriggerJsonSchema()),
    'nodes.schema.json': render(nodesJsonSchema()),
    'service-spec.schema.json': render({
      title: 'ServiceSpec',
      description: 'What programs send to the API. Durations are milliseconds, sizes bytes, CPUs a number of cores.',
      ...z.toJSONSchema(serviceSpec, { io: 'input' }),
    }),
  };
}

const docs = path.join(import.meta.dirname, '../docs');

/** Writes the files; with `check` it only names those that are not up to date. */
export async function generateSchemas(options: { check: boolean }): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, text] of Object.entries(schemaFiles())) {
    const file = path.join(docs, name);
    if ((await readFile(file, 'utf8').catch(() => '')) === text) continue;
    stale.push(name);
    if (!options.check) await writeFile(file, text);
  }
  return stale;
}

function render(schema: unknown): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (import.meta.main) {
  const check = process.argv.includes('--check');
  const stale = await generateSchemas({ check });
  for (const name of stale) {
    console.error(
      check ? `docs/${name} is not what the program validates with. Run \`npm run generate\`.` : `wrote docs/${name}`,
    );
  }
  if (check && stale.length > 0) process.exitCode = 1;
}
