import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Docker from 'dockerode';
import { CHANNEL_OPTIONS, close, createFetch, type OutriggerFetch, SERVICE_CONFIG } from '../../client/index.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import { Line } from '../faults/line.ts';
import { until } from '../until.ts';
import { EchoClient, EXAMPLES } from './example-clients.ts';
import { Load } from './load.ts';
import { RunningControlPlane } from './running-control-plane.ts';

/**
 * Five kinds of servers under continuous load from one client process, while everything happens to them that may happen
 * to a service. Clients repeat calls, as they do by default (gRPC) or when they are told that they may (HTTP).
 */

const NAMESPACE = 'load';
const docker = new Docker();
let revision = 0;

const source = async (file: string, target: string) => ({
  target,
  contentBase64: (await readFile(file)).toString('base64'),
  secret: false,
});

async function specs(): Promise<ServiceSpecInput[]> {
  const servers = path.join(import.meta.dirname, 'servers');
  revision += 1;
  const common = {
    namespace: NAMESPACE,
    environment: { REVISION: String(revision) },
    pullPolicy: 'never' as const,
    stopGraceMs: 20_000,
    replicas: { min: 0, max: 5, initial: 3 },
  };
  const node = { ...common, image: 'outrigger/control-plane:demo', init: true };
  return [
    { ...common, name: 'sdk', image: 'outrigger/echo:demo', protocol: 'grpc', port: 50_051 },
    {
      ...node,
      name: 'grpcjs',
      entrypoint: ['node', '/srv/server.mjs'],
      files: [
        await source(path.join(servers, 'grpc-js-server.mjs'), '/srv/server.mjs'),
        await source(path.join(EXAMPLES, 'echo/echo.proto'), '/srv/echo.proto'),
      ],
      protocol: 'grpc',
      port: 50_051,
    },
    {
      ...node,
      name: 'web',
      entrypoint: ['node', '/srv/server.mjs'],
      files: [await source(path.join(servers, 'http-server.mjs'), '/srv/server.mjs')],
      protocol: 'http',
      port: 8_080,
    },
    {
      ...node,
      name: 'abrupt',
      entrypoint: ['node', '/srv/server.mjs'],
      files: [await source(path.join(servers, 'abrupt-http-server.mjs'), '/srv/server.mjs')],
      protocol: 'http',
      port: 8_080,
      replicas: { min: 0, max: 3, initial: 2 },
    },
    {
      ...common,
      name: 'llm',
      image: 'outrigger/llama-tiny:demo',
      protocol: 'http',
      port: 8_080,
      replicas: { min: 0, max: 3, initial: 2 },
      probes: { startup: { check: { kind: 'http', path: '/health' } } },
    },
  ];
}

const closing: (() => unknown)[] = [];

test.before(async t => {
  t.timeout(120_000);
  const controlPlane = await RunningControlPlane.start();
  closing.push(() => controlPlane.dispose());
  process.env['OUTRIGGER_ADDRESS'] = `unix://${controlPlane.socket}`;
  await controlPlane.apply(...(await specs()));

  const sdk = new EchoClient(`outrigger:///${NAMESPACE}/sdk`);
  const grpcjs = new EchoClient(`outrigger:///${NAMESPACE}/grpcjs`);
  const once = createFetch({ retry: 'safe' });
  const often = createFetch({ retry: 'always' });
  let turn = 0;
  // Most calls are short, some are long enough to be under way whatever happens.
  const delayMs = () => (turn++ % 10 === 0 ? 500 : 20);
  const loads = [
    new Load({ name: 'grpc, SDK', workers: 6, call: async () => (await sdk.echo({ delayMs: delayMs() })).replica }),
    new Load({
      name: 'grpc, grpc-js',
      workers: 6,
      call: async () => (await grpcjs.echo({ delayMs: delayMs() })).replica,
    }),
    new Load({ name: 'GET', workers: 4, call: () => ask(once, 'web', 'GET', delayMs()) }),
    new Load({ name: 'POST', workers: 4, call: () => ask(often, 'web', 'POST', delayMs()) }),
    new Load({ name: 'completions', workers: 2, call: () => completion(often) }),
  ];
  const never = { ...CHANNEL_OPTIONS, 'grpc.service_config': JSON.stringify({ ...SERVICE_CONFIG, methodConfig: [] }) };
  const sdkOnce = new EchoClient(`outrigger:///${NAMESPACE}/sdk`, never);
  const grpcjsOnce = new EchoClient(`outrigger:///${NAMESPACE}/grpcjs`, never);
  const unrepeated = [
    new Load({ name: 'streams, SDK', workers: 3, call: () => sdk.stream({ count: 40, intervalMs: 25 }) }),
    new Load({ name: 'streams, grpc-js', workers: 3, call: () => grpcjs.stream({ count: 40, intervalMs: 25 }) }),
    new Load({ name: 'once, SDK', workers: 2, call: async () => (await sdkOnce.echo({ delayMs: 20 })).replica }),
    new Load({ name: 'once, grpc-js', workers: 2, call: async () => (await grpcjsOnce.echo({ delayMs: 20 })).replica }),
    new Load({ name: 'POST once', workers: 2, call: () => ask(once, 'web', 'POST', delayMs()) }),
    new Load({ name: 'POST once, abrupt', workers: 3, call: () => ask(once, 'abrupt', 'POST', 0) }),
  ];
  closing.push(async () => {
    await Promise.all([...loads, ...unrepeated].map(load => load.stop()));
    for (const client of [sdk, grpcjs, sdkOnce, grpcjsOnce]) client.close();
    await Promise.all([once.close(), often.close()]);
    close();
  });
  shared = { controlPlane, loads, unrepeated };
  await settled(shared);
});

test.after.always(async t => {
  t.timeout(60_000);
  for (const end of closing.reverse()) await end();
});

interface Context {
  readonly controlPlane: RunningControlPlane;
  /** Their calls are repeated, and have to outlive everything. */
  readonly loads: readonly Load[];
  /** Streams that began and calls that are never repeated: they have to outlive what happens in good order. */
  readonly unrepeated: readonly Load[];
}
let shared: Context;

interface Failures {
  readonly repeated: readonly string[];
  readonly unrepeated: readonly string[];
}
const NONE: Failures = { repeated: [], unrepeated: [] };

/** Lets it happen under load, waits until all is well again and calls go on, and tells what failed meanwhile. */
async function meanwhile(t: ExecutionContext, happening: (context: Context) => Promise<void>): Promise<Failures> {
  const { loads, unrepeated } = shared;
  const all = [...loads, ...unrepeated];
  const before = all.map(load => load.served);
  await happening(shared);
  await settled(shared);
  t.log(all.map((load, i) => `${load.name}: ${load.served - (before[i] ?? 0)}`).join(', '));
  const failuresOf = (some: readonly Load[]) =>
    some.flatMap(load => load.takeFailures().map(failure => `${load.name}: ${failure}`));
  return { repeated: failuresOf(loads), unrepeated: failuresOf(unrepeated) };
}

async function settled({ controlPlane, loads, unrepeated }: Context): Promise<void> {
  await until(
    async () => `only ready replicas are left: ${JSON.stringify(phases(await controlPlane.services(NAMESPACE)))}`,
    async () =>
      (await controlPlane.services(NAMESPACE)).every(
        service =>
          service.state === 'ready' &&
          service.replicas.length === service.wantedReplicas &&
          service.replicas.every(isReady),
      ),
  );
  await goOn([...loads, ...unrepeated]);
}

async function goOn(loads: readonly Load[]): Promise<void> {
  await Promise.all(loads.map(load => load.goesOn(10)));
}

test.serial('no call fails while a new version rolls out', async t => {
  t.timeout(180_000);
  const before = await ids();
  const failures = await meanwhile(t, async ({ controlPlane }) => await controlPlane.apply(...(await specs())));
  t.deepEqual(failures, NONE);
  t.deepEqual(
    (await ids()).filter(id => before.includes(id)),
    [],
    'every replica is a new one',
  );
});

test.serial('no call fails while services are restarted', async t => {
  t.timeout(180_000);
  const before = await ids();
  const failures = await meanwhile(t, async ({ controlPlane }) => {
    for (const name of NAMES) await controlPlane.request('POST', `/v1/services/${NAMESPACE}/${name}/restart`, {});
  });
  t.deepEqual(failures, NONE);
  t.deepEqual(
    (await ids()).filter(id => before.includes(id)),
    [],
    'every replica is a new one',
  );
});

test.serial('no call fails while services are scaled to one replica and up again', async t => {
  t.timeout(180_000);
  const failures = await meanwhile(t, async context => {
    await scale(context, () => 1);
    await settled(context);
    await scale(context, name => (name === 'llm' || name === 'abrupt' ? 2 : 3));
  });
  t.deepEqual(failures, NONE);
});

test.serial('no call fails while the control plane is killed with -9 and started again', async t => {
  t.timeout(180_000);
  const before = await ids();
  const failures = await meanwhile(t, async ({ controlPlane, loads, unrepeated }) => {
    await controlPlane.kill();
    await goOn([...loads, ...unrepeated]);
    await controlPlane.launch();
  });
  t.deepEqual(failures, NONE);
  t.deepEqual(await ids(), before, 'nothing was replaced');
});

/** Requests that take long, on both replicas of a server that ends at once on SIGTERM, while one of them drains. */
async function whileOneDrains(
  { controlPlane }: Context,
  address: string,
  happening: (answers: Promise<unknown>) => Promise<void>,
): Promise<void> {
  const fetch = createFetch({ address, retry: 'safe' });
  const four = (delayMs: number) => Promise.all([1, 2, 3, 4].map(() => ask(fetch, 'abrupt', 'POST', delayMs)));
  const replicas = async () => (await controlPlane.service(NAMESPACE, 'abrupt')).replicas;
  const scaleTo = (count: number) =>
    controlPlane.request('POST', `/v1/services/${NAMESPACE}/abrupt/scale`, { replicas: count });
  // Connections are there from now on, so that what follows is sent at once, two requests to each.
  await four(0);
  const answers = four(LONG_MS);
  answers.catch(() => {});
  await scaleTo(1);
  try {
    await until('one of them drains', async () => (await replicas()).some(r => r.phase === 'draining'));
    await happening(answers);
    await answers;
    // The client is back, and says that it is done.
    await until('the one that drained is gone', async () => (await replicas()).length === 1);
  } finally {
    await scaleTo(2);
    await fetch.close();
  }
}

/** Far longer than a control plane needs for a new life, and far shorter than a drain may take. */
const LONG_MS = 10_000;

test.serial('no call fails while the control plane is killed with -9 in the middle of a drain', async t => {
  t.timeout(180_000);
  const failures = await meanwhile(t, async context => {
    const { controlPlane } = context;
    await whileOneDrains(context, `unix://${controlPlane.socket}`, async () => {
      await controlPlane.kill();
      await controlPlane.launch();
    });
  });
  t.deepEqual(failures, NONE);
});

test.serial('no call fails while the watch of its client is broken in the middle of a drain', async t => {
  t.timeout(180_000);
  const failures = await meanwhile(t, async context => {
    const line = await Line.to(new URL(`unix://${context.controlPlane.socket}`));
    try {
      await whileOneDrains(context, line.address, async answers => {
        line.cut();
        await answers;
        line.mend();
      });
    } finally {
      await line.close();
    }
  });
  t.deepEqual(failures, NONE);
});

test.serial('no call fails while a replica of each service is killed, but answers that had begun', async t => {
  t.timeout(180_000);
  const failures = await meanwhile(t, async context => {
    const victims = await oneOfEach(context);
    for (const { containerId } of victims) await docker.getContainer(containerId ?? '').kill();
    await returned(context, victims);
  });
  onlyBegunAnswersFailed(t, failures.repeated);
});

test.serial('nor while replicas are killed that no control plane is there to take out', async t => {
  t.timeout(180_000);
  const failures = await meanwhile(t, async context => {
    const { controlPlane, loads } = context;
    // Others than before: a second failure of the same replica would wait twice as long.
    const victims = await oneOfEach(context, -1);
    await controlPlane.kill();
    for (const { containerId } of victims) await docker.getContainer(containerId ?? '').kill();
    await goOn(loads);
    await controlPlane.launch();
    await returned(context, victims);
  });
  onlyBegunAnswersFailed(t, failures.repeated);
});

const GRPCJS = 'grpc, grpc-js';
const GRPCJS_WORKERS = 6;

/**
 * gRPC repeats nothing once the headers of an answer are there. The SDK's server sends headers, message and status in
 * one piece; that of grpc-js one after the other, so that a kill may come in between. Then a call that was under way
 * there fails, as `docs/client.md` says; never one that began later, and none of any other server.
 */
function onlyBegunAnswersFailed(t: ExecutionContext, failures: readonly string[]): void {
  const cutShort = failures.filter(failure => failure.startsWith(`${GRPCJS}: Error: 14 UNAVAILABLE`));
  t.deepEqual(
    failures.filter(failure => !cutShort.includes(failure)),
    [],
  );
  t.true(cutShort.length <= GRPCJS_WORKERS, cutShort.join('\n'));
}

const NAMES = ['sdk', 'grpcjs', 'web', 'abrupt', 'llm'];

/** Resolves once each of these replicas is ready in another container. */
async function returned({ controlPlane }: Context, victims: readonly ReplicaView[]): Promise<void> {
  await until(
    async () => `killed replicas return: ${JSON.stringify(phases(await controlPlane.services(NAMESPACE)))}`,
    async () => {
      const now = (await controlPlane.services(NAMESPACE)).flatMap(service => service.replicas);
      return victims.every(({ id, containerId }) =>
        now.some(r => r.id === id && r.containerId !== containerId && isReady(r)),
      );
    },
  );
}

async function oneOfEach({ controlPlane }: Context, which = 0): Promise<ReplicaView[]> {
  const services = await controlPlane.services(NAMESPACE);
  return services.flatMap(service => service.replicas.filter(isReady).at(which) ?? []);
}

async function scale({ controlPlane }: Context, replicas: (name: string) => number): Promise<void> {
  for (const name of NAMES) {
    await controlPlane.request('POST', `/v1/services/${NAMESPACE}/${name}/scale`, { replicas: replicas(name) });
  }
}

async function ids(): Promise<string[]> {
  const services = await shared.controlPlane.services(NAMESPACE);
  return services.flatMap(service => service.replicas.map(r => `${service.name} ${r.id} ${r.containerId}`)).sort();
}

function isReady(replica: ReplicaView): boolean {
  return replica.phase === 'ready' && !replica.impaired;
}

function phases(services: readonly ServiceView[]): readonly string[] {
  return services.flatMap(s => s.replicas.map(r => `${s.name} ${r.id} ${r.phase} ${r.message}`));
}

async function ask(fetch: OutriggerFetch, service: string, method: string, delayMs: number): Promise<string> {
  const body = method === 'POST' ? { body: 'x'.repeat(10_000) } : {};
  const response = await fetch(`http://${service}.${NAMESPACE}.outrigger/?delay_ms=${delayMs}`, { method, ...body });
  if (!response.ok) throw new Error(`${method} was answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { replica: string }).replica;
}

async function completion(fetch: OutriggerFetch): Promise<string> {
  const response = await fetch(`http://llm.${NAMESPACE}.outrigger/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'Hello', max_tokens: 4 }),
  });
  if (!response.ok) throw new Error(`the LLM server answered ${response.status}: ${await response.text()}`);
  await response.json();
  return 'llm';
}
