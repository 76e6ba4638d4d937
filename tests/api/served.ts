import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { credentials } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import { Agent, type Dispatcher } from 'undici';
import { type Api, type ApiOptions, startApi } from '../../control-plane/api/index.ts';
import { loadContract } from '../../proto/load.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';

export interface Served {
  readonly controlPlane: FakeControlPlane;
  readonly api: Api;
  readonly socket: string;
  readonly http: Dispatcher;
  request(
    method: string,
    target: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it
  readonly json: any;
}

/** The real servers on a unix socket of their own, with a fake control plane behind; gone when the test ends. */
export async function serve(t: ExecutionContext, options: Partial<ApiOptions> = {}): Promise<Served> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-api-'));
  const socket = path.join(folder, 'state', 'control.sock');
  const controlPlane = (options.controlPlane as FakeControlPlane | undefined) ?? new FakeControlPlane();
  const api = await startApi({ controlPlane, listen: [{ kind: 'unix', path: socket }], ...options });
  const http = new Agent({ connect: { socketPath: socket } });
  t.teardown(async () => {
    await http.destroy();
    await api.close(AbortSignal.abort());
    await rm(folder, { recursive: true, force: true });
  });
  return {
    controlPlane,
    api,
    socket,
    http,
    request: (method, target, given) => send(http, 'http://localhost', method, target, given),
  };
}

export async function send(
  dispatcher: Dispatcher,
  origin: string,
  method: string,
  target: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const response = await dispatcher.request({
    origin,
    path: target,
    method: method as Dispatcher.HttpMethod,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(text === undefined ? {} : { body: text }),
  });
  const answer = await response.body.text();
  const isJson = answer !== '' && String(response.headers['content-type']).startsWith('application/json');
  const json = isJson ? JSON.parse(answer) : undefined;
  return { status: response.statusCode, headers: response.headers, text: answer, json };
}

/** gRPC clients of the served socket; closed when the test ends. */
export function grpcClients(t: ExecutionContext, target: string) {
  const { outrigger, grpc } = loadContract();
  const insecure = credentials.createInsecure();
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const control = new outrigger.v1.Control(target, insecure, options);
  const discovery = new outrigger.v1.Discovery(target, insecure, options);
  const health = new grpc.health.v1.Health(target, insecure, options);
  t.teardown(() => {
    for (const client of [control, discovery, health]) client.close();
  });
  return { control, discovery, health };
}

/** A unary call as a promise. */
export function call<A>(start: (callback: (error: Error | null, answer?: A) => void) => unknown): Promise<A> {
  return new Promise((resolve, reject) => {
    start((error, answer) => (error ? reject(error) : resolve(answer as A)));
  });
}

export const embedder = {
  namespace: 'feature-store',
  name: 'embedder',
  image: 'registry.example/embedder:1.4',
  protocol: 'grpc',
  port: 50_051,
  replicas: { min: 1, initial: 2, max: 4 },
} as const;

export const embedderRef = { namespace: 'feature-store', name: 'embedder' } as const;
