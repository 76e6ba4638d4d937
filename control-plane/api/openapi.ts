import { z } from 'zod';
import { ERROR_CODES } from '../core/errors.ts';
import { serviceSpec } from '../core/spec.ts';
import { bodyFieldsOf } from './router.ts';
import { type QueryKind, ROUTES, type Route } from './routes.ts';
import { errorBody } from './schemas.ts';
import { STATUS_OF } from './status-codes.ts';

/** The OpenAPI document as it is served and as it stands in docs/openapi.json. */
export function openApiText(): string {
  text ??= `${JSON.stringify(openApiDocument(), null, 2)}\n`;
  return text;
}

let text: string | undefined;

/** OpenAPI 3.1 of the HTTP API, made of the route table and the schemas that requests are parsed with. */
export function openApiDocument(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = structuredClone(PLAIN_PATHS);
  for (const route of ROUTES) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Outrigger',
      version: 'v1',
      summary: 'Lifecycle, scheduling and discovery of RPC services that run as containers.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'the unix socket of a state folder, or a TCP address' }],
    security: [{}, { token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      responses: ERROR_RESPONSES,
      schemas: components(),
    },
  };
}

/** All schemas with a name, each once; what has none stands where it is used. */
function components(): Record<string, object> {
  const schemas: Record<string, object> = {};
  for (const { answer, events } of ROUTES)
    Object.assign(schemas, namedParts(answer), events && namedParts(events.schema));
  Object.assign(schemas, namedParts(errorBody));
  const { definitions, root } = jsonSchema(serviceSpec, 'input');
  Object.assign(schemas, definitions, { ServiceSpec: root });
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The schema and all that have a name within it. */
function namedParts(schema: z.ZodType): Record<string, object> {
  const { definitions, root } = jsonSchema(schema, 'output');
  const id = schema.meta()?.id;
  return id === undefined || id in definitions ? definitions : { ...definitions, [id]: root };
}

/** JSON Schema that refers to its parts as components of the document. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output') {
  const text = JSON.stringify(z.toJSONSchema(schema, { io, target: 'draft-2020-12' }))
    .replaceAll('"#/$defs/', '"#/components/schemas/')
    // The one recursive schema without a name is that of any JSON value.
    .replaceAll('__schema0', 'JsonValue');
  const { $schema, $defs = {}, ...root } = withoutIds(JSON.parse(text)) as JsonObjectSchema;
  return { definitions: $defs, root };
}

/** zod writes a schema's name into it; in OpenAPI the key is the name. A property that is called `id` is an object. */
function withoutIds(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutIds);
  if (json === null || typeof json !== 'object') return json;
  const entries = Object.entries(json).filter(([key, value]) => key !== 'id' || typeof value !== 'string');
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutIds(value)]));
}

function operationOf(route: Route): Record<string, unknown> {
  const fields: JsonObjectSchema = jsonSchema(route.request, 'input').root;
  const property = (name: string) => fields.properties?.[name] ?? {};
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(match => match[1]!);
  const parameters = [
    ...inPath.map(name => ({ name, in: 'path', required: true, schema: property(name) })),
    ...Object.entries(route.query).map(([name, kind]) => queryParameter(name, kind, property(name))),
    ...(route.operation === 'listEvents' ? [LAST_EVENT_ID] : []),
  ];
  const inBody = bodyFieldsOf(route);
  const required = inBody.filter(name => fields.required?.includes(name));
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(inBody.length === 0
      ? {}
      : {
          requestBody: {
            required: required.length > 0,
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  properties: Object.fromEntries(inBody.map(name => [name, bodyProperty(route, name, property(name))])),
                  ...(required.length === 0 ? {} : { required }),
                  additionalProperties: false,
                },
              },
            },
          },
        }),
    responses: {
      [route.status]: { description: 'The answer.', content: contentOf(route) },
      ...ERRORS,
    },
  };
}

/** What the control plane itself parses is described by its own schema. */
function bodyProperty(route: Route, name: string, schema: object): object {
  if (route.operation !== 'apply' || name !== 'specs') return schema;
  return { ...schema, items: { $ref: '#/components/schemas/ServiceSpec' } };
}

function queryParameter(name: string, kind: QueryKind, schema: object) {
  const list = kind === 'list' ? { style: 'form', explode: false } : {};
  return { name, in: 'query', ...list, schema };
}

function contentOf(route: Route): Record<string, unknown> {
  const type = route.lines ? 'application/x-ndjson' : 'application/json';
  return {
    [type]: { schema: reference(route.answer) },
    ...(route.events
      ? {
          'text/event-stream': {
            schema: { type: 'string', description: `Events \`${route.events.name}\`; the data of each is JSON.` },
          },
        }
      : {}),
  };
}

function reference(schema: z.ZodType): object {
  return { $ref: `#/components/schemas/${schema.meta()?.id}` };
}

interface JsonObjectSchema {
  readonly $schema?: string;
  readonly $defs?: Record<string, object>;
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  in: 'header',
  description: 'Sequence of the last event that was seen; the stream goes on after it.',
  schema: { type: 'integer', minimum: 0 },
};

/** One response for each status of the table, naming the codes that share it. */
const ERROR_RESPONSES = Object.fromEntries(
  [...new Set(ERROR_CODES.map(code => STATUS_OF[code].http))].sort().map(status => {
    const codes = ERROR_CODES.filter(code => STATUS_OF[code].http === status);
    const content = { 'application/json': { schema: reference(errorBody) } };
    return [`Error${status}`, { description: codes.join(', '), content }];
  }),
);
const ERRORS = Object.fromEntries(
  Object.keys(ERROR_RESPONSES).map(name => [name.slice(5), { $ref: `#/components/responses/${name}` }]),
);

const textAnswer = (type: string) => ({
  '200': { description: 'The answer.', content: { [type]: { schema: { type: 'string' } } } },
});

const PLAIN_PATHS = {
  '/healthz': {
    get: {
      operationId: 'getHealth',
      summary: 'Whether it serves.',
      security: [{}],
      responses: textAnswer('text/plain'),
    },
  },
  '/metrics': {
    get: { operationId: 'getMetrics', summary: 'Metrics for Prometheus.', responses: textAnswer('text/plain') },
  },
  '/v1/openapi.json': {
    get: {
      operationId: 'getOpenApi',
      summary: 'This document.',
      responses: {
        '200': { description: 'The answer.', content: { 'application/json': { schema: { type: 'object' } } } },
      },
    },
  },
};
