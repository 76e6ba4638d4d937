import { OutriggerError } from '../core/errors.ts';
import { HttpProblem } from './http-problem.ts';
import { parseRequest } from './requests.ts';
import { type QueryKind, ROUTES, type Route } from './routes.ts';

const TABLE = ROUTES.map(route => ({ route, segments: route.path.split('/') }));

/** The route of a request and the texts of its path's fields; throws `not_found`, or 405 with the methods that there are. */
export function findRoute(method: string, pathname: string): { route: Route; fields: Record<string, string> } {
  const segments = pathname.split('/');
  const matches = TABLE.filter(
    ({ segments: wanted }) =>
      wanted.length === segments.length && wanted.every((w, i) => w.startsWith('{') || w === segments[i]),
  );
  const found = matches.find(({ route }) => route.method === method || (method === 'HEAD' && route.method === 'GET'));
  if (found) return { route: found.route, fields: fieldsOf(found.segments, segments) };
  if (matches.length > 0) {
    const allow = matches.map(({ route }) => route.method).join(', ');
    throw new HttpProblem(405, `${method} is not possible here, only ${allow}`, { headers: { allow } });
  }
  throw new OutriggerError('not_found', 'this path is not part of the API', {
    next: 'GET /v1/openapi.json lists what is.',
  });
}

/** The parsed request of a route: path, query and body together, through its schema. */
export function readRequest(
  route: Route,
  fields: Record<string, string>,
  query: URLSearchParams,
  body: unknown,
): unknown {
  const bodyFields = bodyFieldsOf(route);
  if (body !== undefined && bodyFields.length === 0) {
    throw new OutriggerError('invalid_argument', `${route.method} ${route.path} takes no body`);
  }
  if (body !== undefined && (body === null || typeof body !== 'object' || Array.isArray(body))) {
    throw new OutriggerError('invalid_argument', 'expected the body to be a JSON object');
  }
  for (const name of Object.keys(body ?? {})) {
    if (!bodyFields.includes(name)) throw unknownField(name, 'body', bodyFields);
  }
  return parseRequest(route.request, { ...(body ?? {}), ...readQuery(route, query), ...fields });
}

/** The fields of the request that are neither in the path nor in the query. */
export function bodyFieldsOf(route: Route): string[] {
  return Object.keys(route.request.shape).filter(
    name => !(name in route.query) && !route.path.includes(`{${name}}`) && route.method !== 'GET',
  );
}

function readQuery(route: Route, query: URLSearchParams): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const [name, text] of query) {
    const kind = Object.hasOwn(route.query, name) ? route.query[name] : undefined;
    if (kind === undefined) throw unknownField(name, 'query', Object.keys(route.query));
    if (Object.hasOwn(read, name) && kind !== 'list') {
      throw new OutriggerError('invalid_argument', `the query names ${name} twice`);
    }
    const before = kind === 'list' ? ((read[name] as unknown[] | undefined) ?? []) : [];
    read[name] = kind === 'list' ? [...before, ...text.split(',').filter(t => t !== '')] : readText(name, text, kind);
  }
  return read;
}

function readText(name: string, text: string, kind: Exclude<QueryKind, 'list'>): unknown {
  switch (kind) {
    case 'text':
      return text;
    case 'integer':
      if (/^-?\d{1,16}$/.test(text)) return Number(text);
      throw new OutriggerError('invalid_argument', `${name}: expected an integer, found ${JSON.stringify(text)}`);
    case 'boolean':
      if (text === 'true' || text === '') return true;
      if (text === 'false') return false;
      throw new OutriggerError('invalid_argument', `${name}: expected true or false, found ${JSON.stringify(text)}`);
    default:
      return kind satisfies never;
  }
}

function fieldsOf(wanted: readonly string[], segments: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [i, name] of wanted.entries()) {
    if (!name.startsWith('{')) continue;
    try {
      fields[name.slice(1, -1)] = decodeURIComponent(segments[i]!);
    } catch {
      throw new OutriggerError('invalid_argument', `the path holds a malformed escape: ${segments[i]}`);
    }
  }
  return fields;
}

function unknownField(name: string, where: string, known: readonly string[]): OutriggerError {
  const expected = known.length === 0 ? 'nothing is expected there' : `expected ${known.join(', ')}`;
  return new OutriggerError('invalid_argument', `unknown field ${JSON.stringify(name)} in the ${where}: ${expected}`);
}
