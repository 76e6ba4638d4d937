import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { xOutriggerJsonSchema } from '../../control-plane/compose/x-outrigger-json-schema.ts';
import { generateSchemas } from '../../control-plane/generate-schemas.ts';
import { load, projectFolder } from './project-folder.ts';

test('the JSON Schemas under docs/ are what the program validates with', async t => {
  t.deepEqual(await generateSchemas({ check: true }), []);
});

test('the schema of x-outrigger refuses unknown keys everywhere', t => {
  const open: string[] = [];
  function walk(node: unknown, path: string): void {
    if (typeof node !== 'object' || node === null) return;
    const schema = node as Record<string, unknown>;
    if (schema['type'] === 'object' && schema['properties'] && schema['additionalProperties'] !== false)
      open.push(path);
    for (const [key, value] of Object.entries(schema)) walk(value, `${path}/${key}`);
  }
  walk(xOutriggerJsonSchema(), '');
  t.deepEqual(open, []);
});

test('every example of docs/service-file.md compiles', async t => {
  const text = await readFile(path.join(import.meta.dirname, '../../docs/service-file.md'), 'utf8');
  const examples = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, example]) => example!);
  t.is(examples.length, 5);
  for (const example of examples) {
    const result = await load(await projectFolder(t, { 'compose.yaml': example }));
    t.is(result.kind, 'compiled', JSON.stringify(result));
    t.deepEqual(result.warnings, []);
  }
});
