import test from 'ava';
import { generateSchemas } from '../../control-plane/compose/generate-schemas.ts';
import { xOutriggerJsonSchema } from '../../control-plane/compose/x-outrigger-json-schema.ts';

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
