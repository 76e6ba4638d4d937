import type { IncomingMessage } from 'node:http';
import type { Credentials } from '../client/credentials.ts';
import type { ApplyResult, RemoveRequest } from '../control-plane/control-plane.ts';
import type { EndpointAddress } from '../control-plane/core/endpoint.ts';
import { OutriggerError } from '../control-plane/core/errors.ts';
import type {
  EventView,
  LogLineView,
  NodeView,
  ServiceView,
  StatusView,
  WhyView,
} from '../control-plane/views/views.ts';
import { type ControlAddress, formatAddress } from './address.ts';
import { exchange, readBody } from './http-exchange.ts';
import { serverSentEvents, streamLines } from './stream-lines.ts';

/** The endpoints of a service at one moment, as `GET /v1/endpoints/{ns}/{name}` sends them. */
export interface SnapshotView {
  readonly namespace: string;
  readonly service: string;
  readonly version: number;
  readonly epoch: string;
  readonly known: boolean;
  readonly endpoints: readonly {
    readonly replicaId: string;
    readonly containerId: string;
    readonly generation: number;
    readonly node: string;
    readonly protocol: string;
    readonly addresses: readonly EndpointAddress[];
  }[];
}

export interface EventRequest {
  readonly namespace?: string;
  readonly name?: string;
  readonly node?: string;
  readonly past?: number;
  readonly after?: number;
}

export interface LogRequest {
  readonly namespace: string;
  readonly names: readonly string[];
  readonly replicaId?: string;
  readonly tail?: number;
  readonly follow: boolean;
  readonly sinceMs?: number;
}

const CALL_TIMEOUT_MS = 30_000;

/**
 * Speaks to one control plane: HTTP/JSON, server-sent events and NDJSON over its unix socket or TCP. Every call takes a
 * signal and has a deadline of its own; streams end with the signal or with the connection. All reject with
 * OutriggerError, or with the signal's reason.
 */
export class ControlClient {
  readonly address: ControlAddress;
  readonly #credentials: Credentials;

  constructor(address: ControlAddress, credentials: Credentials = {}) {
    this.address = address;
    this.#credentials = credentials;
  }

  status(signal: AbortSignal, timeoutMs = CALL_TIMEOUT_MS): Promise<StatusView> {
    return this.#call({ method: 'GET', path: '/v1/status', signal, timeoutMs });
  }

  async apply(
    body: { specs: readonly unknown[]; origin: string; dryRun?: boolean; requestId?: string },
    signal: AbortSignal,
  ): Promise<readonly ApplyResult[]> {
    return (await this.#call<{ results: ApplyResult[] }>({ method: 'POST', path: '/v1/apply', body, signal })).results;
  }

  /** All services of the namespace; of every namespace without one. */
  async services(namespace: string | undefined, signal: AbortSignal): Promise<readonly ServiceView[]> {
    const query = { namespace };
    return (await this.#call<{ services: ServiceView[] }>({ method: 'GET', path: '/v1/services', query, signal }))
      .services;
  }

  service(namespace: string, name: string, signal: AbortSignal): Promise<ServiceView> {
    return this.#call({ method: 'GET', path: servicePath(namespace, name), signal });
  }

  async remove(request: RemoveRequest, signal: AbortSignal): Promise<readonly { namespace: string; name: string }[]> {
    const query = {
      names: request.names.length > 0 ? request.names.join(',') : undefined,
      volumes: request.volumes || undefined,
      graceMs: request.graceMs,
      askedBy: request.askedBy,
    };
    const path = `/v1/services/${encodeURIComponent(request.namespace)}`;
    return (
      await this.#call<{ services: { namespace: string; name: string }[] }>({ method: 'DELETE', path, query, signal })
    ).services;
  }

  scale(namespace: string, name: string, replicas: number, signal: AbortSignal): Promise<ServiceView> {
    return this.#call({ method: 'POST', path: `${servicePath(namespace, name)}/scale`, body: { replicas }, signal });
  }

  restart(namespace: string, name: string, options: { replicaId?: string }, signal: AbortSignal): Promise<ServiceView> {
    return this.#call({ method: 'POST', path: `${servicePath(namespace, name)}/restart`, body: options, signal });
  }

  endpoints(namespace: string, name: string, signal: AbortSignal): Promise<SnapshotView> {
    return this.#call({ method: 'GET', path: endpointsPath(namespace, name), signal });
  }

  async nodes(signal: AbortSignal): Promise<readonly NodeView[]> {
    return (await this.#call<{ nodes: NodeView[] }>({ method: 'GET', path: '/v1/nodes', signal })).nodes;
  }

  drainNode(name: string, signal: AbortSignal): Promise<NodeView> {
    return this.#call({ method: 'POST', path: `${nodePath(name)}/drain`, signal });
  }

  /** With a device, that one is trusted again; the node stays as it is. */
  undrainNode(name: string, options: { device?: string }, signal: AbortSignal): Promise<NodeView> {
    return this.#call({ method: 'POST', path: `${nodePath(name)}/undrain`, body: options, signal });
  }

  /** Where the replicas of a service are, and what the others wait for. */
  why(namespace: string, name: string, signal: AbortSignal): Promise<WhyView> {
    return this.#call({ method: 'GET', path: `${servicePath(namespace, name)}/why`, signal });
  }

  async events(query: EventRequest, signal: AbortSignal): Promise<readonly EventView[]> {
    return (
      await this.#call<{ events: EventView[] }>({ method: 'GET', path: '/v1/events', query: { ...query }, signal })
    ).events;
  }

  /** The newest state at once and after every change, until the connection or the signal ends. */
  async *watchServices(namespace: string | undefined, signal: AbortSignal): AsyncGenerator<readonly ServiceView[]> {
    for await (const { services } of this.#watch<{ services: ServiceView[] }>('/v1/services', { namespace }, signal)) {
      yield services;
    }
  }

  watchEndpoints(namespace: string, name: string, signal: AbortSignal): AsyncGenerator<SnapshotView> {
    return this.#watch(endpointsPath(namespace, name), {}, signal);
  }

  /** Past events first, then live ones. */
  watchEvents(query: EventRequest, signal: AbortSignal): AsyncGenerator<EventView> {
    return this.#watch('/v1/events', { ...query }, signal);
  }

  async *logs(request: LogRequest, signal: AbortSignal): AsyncGenerator<LogLineView> {
    const response = await this.#open(
      `/v1/logs/${encodeURIComponent(request.namespace)}`,
      {
        names: request.names.length > 0 ? request.names.join(',') : undefined,
        replica: request.replicaId,
        tail: request.tail,
        follow: request.follow || undefined,
        since: request.sinceMs,
      },
      'application/x-ndjson',
      signal,
    );
    for await (const line of streamLines(this.#chunks(response, signal))) {
      if (line !== '') yield parse<LogLineView>(line);
    }
  }

  async *#watch<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<T> {
    const response = await this.#open(path, query, 'text/event-stream', signal);
    for await (const { data } of serverSentEvents(this.#chunks(response, signal))) yield parse<T>(data);
  }

  /** A stream's headers must come within the deadline; the stream itself may last. */
  async #open(path: string, query: Query, accept: string, signal: AbortSignal): Promise<IncomingMessage> {
    const opening = new AbortController();
    const timer = setTimeout(() => opening.abort(this.#late(path, CALL_TIMEOUT_MS)), CALL_TIMEOUT_MS);
    try {
      return await exchange(this.address, this.#credentials, {
        method: 'GET',
        path,
        query,
        accept,
        signal: AbortSignal.any([signal, opening.signal]),
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async *#chunks(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response) yield chunk as Uint8Array;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new OutriggerError(
        'unavailable',
        `The connection to the control plane at ${formatAddress(this.address)} broke off.`,
        { details: { unreachable: true, brokeOff: true }, cause: error },
      );
    } finally {
      response.destroy();
    }
  }

  async #call<T>(request: {
    method: 'GET' | 'POST' | 'DELETE';
    path: string;
    query?: Query;
    body?: unknown;
    signal: AbortSignal;
    timeoutMs?: number;
  }): Promise<T> {
    const { timeoutMs = CALL_TIMEOUT_MS, signal, ...rest } = request;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(this.#late(request.path, timeoutMs)), timeoutMs);
    const both = AbortSignal.any([signal, deadline.signal]);
    try {
      return parse<T>(await readBody(await exchange(this.address, this.#credentials, { ...rest, signal: both })));
    } catch (error) {
      throw both.aborted ? both.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #late(path: string, timeoutMs: number): OutriggerError {
    return new OutriggerError(
      'timeout',
      `The control plane at ${formatAddress(this.address)} did not answer ${path} within ${timeoutMs / 1_000} s.`,
      { next: 'See its log, and "outrigger doctor".', details: { unreachable: true } },
    );
  }
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

function servicePath(namespace: string, name: string): string {
  return `/v1/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

function nodePath(name: string): string {
  return `/v1/nodes/${encodeURIComponent(name)}`;
}

function endpointsPath(namespace: string, name: string): string {
  return `/v1/endpoints/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

/** Views are trusted once they parse: they come from our own program, which sends only what views.ts declares. */
function parse<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new OutriggerError('internal', 'The control plane answered with something that is not JSON.', {
      next: 'Check that --host names an Outrigger control plane.',
      details: { body: text.slice(0, 200) },
      cause: error,
    });
  }
}
