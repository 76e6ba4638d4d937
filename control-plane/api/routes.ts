import { z } from 'zod';
import type { EventView, LogLineView } from '../views/views.ts';
import type { Caller } from './auth.ts';
import type { EventStream } from './event-stream.ts';
import { MAX_PAST_EVENTS, type Operations } from './operations.ts';
import { requests } from './requests.ts';
import * as schemas from './schemas.ts';

/** One way into the HTTP API. The server routes by these, and docs/openapi.json is made of them. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Segments in braces are fields of the request. */
  readonly path: string;
  readonly operation: string;
  readonly summary: string;
  readonly request: z.ZodObject;
  /** Fields of the request that stand in the query, and how text becomes their value. What is neither there nor in the path is the body. */
  readonly query: Readonly<Record<string, QueryKind>>;
  readonly status: number;
  readonly answer: z.ZodType;
  /** The answer is a stream of JSON lines of `answer`. */
  readonly lines?: (request: never, context: RouteContext) => AsyncIterable<LogLineView>;
  readonly handle?: (request: never, context: RouteContext) => object | Promise<object>;
  /** With `Accept: text/event-stream`: server-sent events of this name. */
  readonly events?: {
    readonly name: string;
    readonly schema: z.ZodType;
    /** Begins to send; returns the way to stop. */
    readonly start: (request: never, stream: EventStream, context: RouteContext) => (() => void) | Promise<() => void>;
  };
}

export type QueryKind = 'text' | 'integer' | 'boolean' | 'list';

export interface RouteContext {
  readonly operations: Operations;
  readonly caller: Caller;
  /** Fires when the client leaves. */
  readonly signal: AbortSignal;
  /** The Last-Event-ID header, when it is a number. */
  readonly lastEventId: number | undefined;
  readonly queuedEvents: number;
}

const services = z.strictObject({ services: z.array(schemas.serviceView) }).meta({ id: 'ServiceList' });

export const ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/status',
    operation: 'getStatus',
    summary: 'The control plane itself.',
    request: requests.nothing,
    answer: schemas.statusView,
    handle: (_request, { operations }) => operations.status(),
  }),
  route({
    method: 'POST',
    path: '/v1/apply',
    operation: 'apply',
    summary: 'Makes these services wanted: all or none. Acknowledged means durable, not ready.',
    request: requests.apply,
    answer: z.strictObject({ results: z.array(schemas.applyResult) }).meta({ id: 'ApplyResults' }),
    handle: async (request, { operations, caller }) => ({ results: await operations.apply(request, caller) }),
  }),
  route({
    method: 'GET',
    path: '/v1/services',
    operation: 'listServices',
    summary: 'Services with their replicas, of all namespaces or one.',
    request: requests.listServices,
    query: { namespace: 'text' },
    answer: services,
    handle: (request, { operations }) => operations.serviceList(request),
    events: {
      name: 'services',
      schema: services,
      start: (request, stream, { operations }) => {
        const newest = stream.outflow({ event: 'services', keep: 'newest' });
        return operations.watchServices(request, list => newest.offer(list));
      },
    },
  }),
  route({
    method: 'GET',
    path: '/v1/services/{namespace}/{name}',
    operation: 'getService',
    summary: 'One service.',
    request: requests.service,
    answer: schemas.serviceView,
    handle: (request, { operations }) => operations.service(request),
  }),
  route({
    method: 'GET',
    path: '/v1/services/{namespace}/{name}/why',
    operation: 'whyService',
    summary: 'Where the replicas of a service are, and what the others wait for, with the reason of every node.',
    request: requests.service,
    answer: schemas.whyView,
    handle: (request, { operations }) => operations.why(request),
  }),
  route({
    method: 'DELETE',
    path: '/v1/services/{namespace}',
    operation: 'removeServices',
    summary: 'Drains and removes services of a namespace, all without names. Answers once that is durable.',
    request: requests.remove,
    query: { names: 'list', volumes: 'boolean', graceMs: 'integer', askedBy: 'text' },
    status: 202,
    answer: z.strictObject({ services: z.array(schemas.serviceRef) }).meta({ id: 'RemovedServices' }),
    handle: async (request, { operations, caller }) => ({ services: await operations.remove(request, caller) }),
  }),
  route({
    method: 'POST',
    path: '/v1/services/{namespace}/{name}/scale',
    operation: 'scaleService',
    summary: 'Sets how many replicas are wanted.',
    request: requests.scale,
    answer: schemas.serviceView,
    handle: (request, { operations, caller }) => operations.scale(request, caller),
  }),
  route({
    method: 'POST',
    path: '/v1/services/{namespace}/{name}/restart',
    operation: 'restartService',
    summary: 'Replaces replicas one after the other without a change of the spec; one replica where its id is given.',
    request: requests.restart,
    answer: schemas.serviceView,
    handle: (request, { operations, caller }) => operations.restart(request, caller),
  }),
  route({
    method: 'GET',
    path: '/v1/endpoints/{namespace}/{name}',
    operation: 'getEndpoints',
    summary: 'The endpoints that are ready now. As an event stream also for a service that does not exist yet.',
    request: requests.service,
    answer: schemas.snapshotView,
    handle: (request, { operations }) => operations.snapshot(request),
    events: {
      name: 'snapshot',
      schema: schemas.snapshotView,
      start: (request, stream, { operations }) => {
        // Server-sent events have no way back: what the client's side took counts as put to use.
        const onSent = ({ version }: schemas.SnapshotView) => watcher.acknowledge(version);
        const newest = stream.outflow<schemas.SnapshotView>({ event: 'snapshot', keep: 'newest', onSent });
        const watcher = operations.watchEndpoints(request, snapshot => newest.offer(snapshot));
        return () => watcher.close();
      },
    },
  }),
  route({
    method: 'GET',
    path: '/v1/logs/{namespace}',
    operation: 'getLogs',
    summary: 'Log lines of a namespace, of all services without names; JSON lines.',
    request: requests.logs,
    query: { names: 'list', replica: 'text', tail: 'integer', follow: 'boolean', since: 'integer' },
    answer: schemas.logLineView,
    lines: (request, { operations, signal }) => operations.logs(request, signal),
  }),
  route({
    method: 'GET',
    path: '/v1/events',
    operation: 'listEvents',
    summary:
      'What happened, newest last. As an event stream: past events first, then new ones; resumes by Last-Event-ID.',
    request: requests.events,
    query: { namespace: 'text', name: 'text', node: 'text', past: 'integer', after: 'integer' },
    answer: z.strictObject({ events: z.array(schemas.eventView) }).meta({ id: 'EventList' }),
    handle: async (request, { operations }) => ({ events: await operations.pastEvents(request) }),
    events: {
      name: 'event',
      schema: schemas.eventView,
      start: async (request, stream, { operations, lastEventId, queuedEvents }) => {
        const after = lastEventId ?? request.after;
        const past = request.past ?? (after === undefined ? 0 : undefined);
        const queue = stream.outflow<EventView>({
          event: 'event',
          keep: MAX_PAST_EVENTS + queuedEvents,
          id: event => event.sequence,
        });
        return operations.followEvents({ ...request, after, past }, event => queue.offer(event));
      },
    },
  }),
  route({
    method: 'GET',
    path: '/v1/nodes',
    operation: 'listNodes',
    summary: 'Nodes with their devices.',
    request: requests.nothing,
    answer: z.strictObject({ nodes: z.array(schemas.nodeView) }).meta({ id: 'NodeList' }),
    handle: (_request, { operations }) => ({ nodes: operations.nodes() }),
  }),
  route({
    method: 'POST',
    path: '/v1/nodes/{name}/drain',
    operation: 'drainNode',
    summary: 'The node takes no more replicas, and those it has move away. Answers once that is durable.',
    request: requests.node,
    answer: schemas.nodeView,
    handle: (request, { operations, caller }) => operations.drainNode(request, caller),
  }),
  route({
    method: 'POST',
    path: '/v1/nodes/{name}/undrain',
    operation: 'undrainNode',
    summary:
      'The node takes replicas again; with a device, that quarantined device of it does, and the node stays as it is.',
    request: requests.undrain,
    answer: schemas.nodeView,
    handle: (request, { operations, caller }) => operations.undrainNode(request, caller),
  }),
];

/** Ties the handlers' types to the request's schema; past this point only the schema knows them. */
function route<S extends z.ZodObject>(
  definition: Pick<Route, 'method' | 'path' | 'operation' | 'summary' | 'answer'> & {
    request: S;
    query?: Route['query'];
    status?: number;
    lines?: (request: z.infer<S>, context: RouteContext) => AsyncIterable<LogLineView>;
    handle?: (request: z.infer<S>, context: RouteContext) => object | Promise<object>;
    events?: {
      name: string;
      schema: z.ZodType;
      start: (request: z.infer<S>, stream: EventStream, context: RouteContext) => (() => void) | Promise<() => void>;
    };
  },
): Route {
  return { query: {}, status: 200, ...definition } as Route;
}
