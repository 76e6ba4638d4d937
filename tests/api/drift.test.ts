import { readFile } from 'node:fs/promises';
import test from 'ava';
import { openApiDocument, openApiText } from '../../control-plane/api/openapi.ts';
import { STATUS_OF } from '../../control-plane/api/status-codes.ts';
import { ERROR_CODES } from '../../control-plane/core/errors.ts';
import { REJECTION_CONSTRAINTS } from '../../control-plane/core/placement/rejection.ts';
import { contractDefinition } from '../../proto/load.ts';

const components = (openApiDocument()['components'] as { schemas: Record<string, JsonSchema> }).schemas;

interface JsonSchema {
  readonly type?: string;
  readonly properties?: Record<string, JsonSchema>;
  readonly anyOf?: JsonSchema[];
  readonly oneOf?: JsonSchema[];
}

interface MessageType {
  readonly name: string;
  readonly field: { name: string }[];
  readonly nestedType: MessageType[];
}

/** The fields of a message, in the spelling of generated code. */
function fieldsOf(message: string, nested?: string): string[] {
  const { type } = contractDefinition()[`outrigger.v1.${message}`] as unknown as { type: MessageType };
  const described = nested === undefined ? type : type.nestedType.find(inner => inner.name === nested)!;
  return described.field.map(f => f.name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())).sort();
}

function propertiesOf(schema: JsonSchema): string[] {
  const variants = schema.anyOf ?? schema.oneOf ?? [schema];
  return [...new Set(variants.flatMap(v => Object.keys(v.properties ?? {})))].sort();
}

for (const component of [
  'Service',
  'Replica',
  'PhaseTiming',
  'Node',
  'Device',
  'DeviceHolder',
  'DeviceSlice',
  'Why',
  'WhyReplica',
  'WhyGroup',
  'Rejection',
  'Status',
  'RegistryStatus',
  'Event',
  'LogLine',
  'Snapshot',
  'Endpoint',
  'EndpointAddress',
  'ServiceRef',
]) {
  // That the schemas are those of views.ts is checked by the compiler, at the end of schemas.ts.
  test(`${component} has the same fields in the proto and the HTTP API`, t => {
    const fields = fieldsOf(component);
    t.true(fields.length > 0);
    t.deepEqual(propertiesOf(components[component]!), fields);
  });
}

test('ApplyResult has the fields of ApplyResponse.Result', t => {
  t.deepEqual(propertiesOf(components['ApplyResult']!), ['generation', 'outcome', 'service', 'warnings']);
  t.deepEqual(fieldsOf('ApplyResponse', 'Result'), ['generation', 'outcome', 'service', 'warnings']);
});

test('the committed OpenAPI document is what the routes say', async t => {
  const file = new URL('../../docs/openapi.json', import.meta.url);
  t.is(await readFile(file, 'utf8'), openApiText(), 'run `npm run generate`');
});

test('the page of the API names every word for what a place does not meet', async t => {
  const page = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8');
  for (const word of REJECTION_CONSTRAINTS) t.true(page.includes(`\`${word}\``), word);
});

test('every error code has a status of both protocols, none of success', t => {
  t.deepEqual(Object.keys(STATUS_OF).sort(), [...ERROR_CODES].sort());
  for (const { grpc, http } of Object.values(STATUS_OF)) t.true(grpc > 0 && http >= 400);
});
