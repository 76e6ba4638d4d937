import { connectivityState, type ServiceError, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { SERVICE_CONFIG } from '../../client/index.ts';
import { until } from '../until.ts';
import { publish, SERVICE, TestControlPlane } from './control-plane.ts';
import { EchoClient, Load, type Replica, startReplica } from './replicas.ts';

async function answering(client: EchoClient, calls = 12): Promise<string[]> {
  const ids = new Set<string>();
  for (let i = 0; i < calls; i++) ids.add(await client.echo());
  return [...ids].sort();
}

test('a stock client calls every ready replica in turn', async t => {
  const control = await TestControlPlane.start(t);
  const replicas = await Promise.all(['a', 'b', 'c'].map(id => startReplica(t, id)));
  publish(control.hub, replicas);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  await until('all three are connected', async () => (await answering(client)).length === 3);
  const before = replicas.map(replica => replica.calls());
  for (let i = 0; i < 30; i++) await client.echo();
  t.deepEqual(
    replicas.map((replica, i) => replica.calls() - before[i]!),
    [10, 10, 10],
  );
});

test('replicas that come are called, those that leave are not, and the client confirms both', async t => {
  const control = await TestControlPlane.start(t);
  const [a, b] = await Promise.all(['a', 'b'].map(id => startReplica(t, id)));
  publish(control.hub, [a!]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  t.deepEqual(await answering(client), ['a']);
  publish(control.hub, [a!, b!]);
  await until('b is called', async () => (await answering(client)).includes('b'));
  publish(control.hub, [b!]);
  t.false(control.hub.withdrawalConfirmed(SERVICE, 'a'));
  await until('the client has taken note', () => control.hub.withdrawalConfirmed(SERVICE, 'a'));
  t.deepEqual(await answering(client), ['b']);
});

test('rolling replicas one by one under load: each leaves before it stops, and no call fails', async t => {
  const control = await TestControlPlane.start(t);
  let replicas = await Promise.all(['0', '1'].map(id => startReplica(t, id, { delayMs: 2 })));
  publish(control.hub, replicas);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'grpc.enable_retries': 0 });
  await client.echo();
  const load = new Load(() => client.echo());
  for (let i = 2; i < 8; i++) {
    const [leaving, ...staying] = replicas;
    const coming = await startReplica(t, String(i), { delayMs: 2 });
    replicas = [...staying, coming];
    publish(control.hub, [...replicas, leaving!]);
    await until('the new one is called', () => coming.calls() > 0);
    publish(control.hub, replicas);
    await until('confirmed', () => control.hub.withdrawalConfirmed(SERVICE, leaving!.id));
    await leaving!.stop();
    const answered = load.answered;
    await until('calls go on', () => load.answered > answered + 20);
  }
  await load.stop();
  t.deepEqual(load.failures, []);
});

test('replicas that are killed with calls in flight cost none of them, with retries on as they are', async t => {
  const control = await TestControlPlane.start(t);
  const replicas = await Promise.all(['a', 'b', 'c'].map(id => startReplica(t, id, { delayMs: 2 })));
  publish(control.hub, replicas);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  await client.echo();
  const load = new Load(() => client.echo(), 8);
  for (const [i, replica] of replicas.slice(0, 2).entries()) {
    await until('it has calls', () => replica.calls() > 5);
    replica.hold();
    await until('all that are made hang there', () => replica.held() === 8);
    replica.kill();
    publish(control.hub, replicas.slice(i + 1));
    const answered = load.answered;
    await until('calls go on', () => load.answered > answered + 50);
  }
  await load.stop();
  t.deepEqual(load.failures, []);
});

test('with the control plane gone calls go on; when it is back its news are taken up', async t => {
  const control = await TestControlPlane.start(t);
  const [a, b] = await Promise.all(['a', 'b'].map(id => startReplica(t, id)));
  publish(control.hub, [a!]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  t.deepEqual(await answering(client), ['a']);
  await control.kill();
  t.deepEqual(await answering(client, 50), ['a']);
  // The connection to the replica breaks too: last good means that it is connected to again.
  a!.kill();
  const again = await startReplica(t, 'a2', { port: a!.port });
  await until('reconnected', async () => (await client.echo().catch(() => '')) === again.id);
  await control.start(hub => publish(hub, [b!]));
  await until('b is called', async () => (await answering(client)).includes('b'));
  await until('the restarted one is acknowledged', () => control.hub.watcherCount() === 1);
});

test('a channel opened while the control plane is away uses what another channel learnt before', async t => {
  const control = await TestControlPlane.start(t);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  const target = `outrigger://${control.address}/${SERVICE}`;
  const first = new EchoClient(t, target);
  await first.echo();
  first.client.close();
  await until('nobody watches', () => control.hub.watcherCount() === 0);
  await control.kill();
  t.is(await new EchoClient(t, target).echo(), 'a');
});

test('a call before the first replica is ready waits for it', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, []);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'outrigger.patience_ms': 1 });
  const early = client.echo();
  await until('it watches', () => control.hub.watcherCount() === 1);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  t.is(await early, 'a');
});

test('a call before any replica waits until its deadline, and not until an attempt has failed', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, []);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'outrigger.patience_ms': 1 });
  const error = await t.throwsAsync<ServiceError>(client.echo('hello', 3_000));
  t.is(error!.code, status.DEADLINE_EXCEEDED);
});

/** A port that refuses connections, of a replica that was there. */
async function unreachable(t: ExecutionContext): Promise<Replica> {
  const replica = await startReplica(t, 'a');
  replica.kill();
  return replica;
}

test('while no replica can be reached calls wait: to their deadlines, or to the one that can be', async t => {
  const control = await TestControlPlane.start(t);
  const [a, b] = [await unreachable(t), await unreachable(t)];
  publish(control.hub, [a, b]);
  // Without retries: one attempt is all that these calls have.
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'grpc.enable_retries': 0 });
  const error = await t.throwsAsync<ServiceError>(client.echo('hello', 3_000));
  t.is(error!.code, status.DEADLINE_EXCEEDED);
  // The channel goes on trying, and is CONNECTING for a moment each time.
  const state = () => client.client.getChannel().getConnectivityState(false);
  await until('the channel knows that it reaches nobody', () => state() === connectivityState.TRANSIENT_FAILURE);
  const waiting = client.echo();
  const again = await startReplica(t, 'again', { port: a.port });
  t.is(await waiting, again.id);
});

test('replicas that are all killed and come back at the same addresses cost no call', async t => {
  const control = await TestControlPlane.start(t);
  const replicas = await Promise.all(['a', 'b'].map(id => startReplica(t, id, { delayMs: 2 })));
  publish(control.hub, replicas);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  await client.echo();
  const load = new Load(() => client.echo(), 4);
  t.teardown(() => load.stop());
  for (const replica of replicas) {
    await until('it has calls', () => replica.calls() > 5);
    replica.hold();
  }
  await until('all calls hang', () => replicas.reduce((sum, replica) => sum + replica.held(), 0) === 4);
  for (const replica of replicas) replica.kill();
  const isDown = () => client.client.getChannel().getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE;
  await until('every connection was refused', isDown);
  const answered = load.answered;
  for (const { id, port } of replicas) await startReplica(t, id, { port });
  await until('calls go on', () => load.answered > answered + 20);
  await load.stop();
  t.deepEqual(load.failures, []);
});

test('a call that asks not to wait is told that nobody can be reached', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await unreachable(t)]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'grpc.enable_retries': 0 });
  const error = await t.throwsAsync<ServiceError>(client.echo('hello', 20_000, { waitForReady: false }));
  t.is(error!.code, status.UNAVAILABLE);
  t.regex(error!.details, /ECONNREFUSED/);
});

test('calls that wait fail with the reason once nobody knows the service any more', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await unreachable(t)]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, {
    'outrigger.patience_ms': 1,
    'grpc.enable_retries': 0,
  });
  const waiting = client.echo();
  const isDown = () => client.client.getChannel().getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE;
  await until('the connection was refused', isDown);
  control.hub.publish(new Set(), []);
  const error = await t.throwsAsync<ServiceError>(waiting);
  t.is(error!.code, status.UNAVAILABLE);
  t.regex(error!.details, /no service "embedder"/);
});

test('a call of a service that is only created later waits as well', async t => {
  const control = await TestControlPlane.start(t);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  const early = client.echo();
  await until('it watches', () => control.hub.watcherCount() === 1);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  t.is(await early, 'a');
});

test('a service that scales to zero and back keeps calls waiting, and answers them', async t => {
  const control = await TestControlPlane.start(t);
  const [a, b] = await Promise.all(['a', 'b'].map(id => startReplica(t, id)));
  publish(control.hub, [a!]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'outrigger.patience_ms': 1 });
  t.is(await client.echo(), 'a');
  publish(control.hub, []);
  await until('confirmed', () => control.hub.withdrawalConfirmed(SERVICE, 'a'));
  const waiting = client.echo();
  publish(control.hub, [b!]);
  t.is(await waiting, 'b');
});

test('a service that nobody knows fails its calls, says so, and works once it is there', async t => {
  const control = await TestControlPlane.start(t);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'outrigger.patience_ms': 50 });
  const error = await t.throwsAsync<ServiceError>(client.echo());
  t.is(error!.code, status.UNAVAILABLE);
  t.regex(error!.details, /no service "embedder" in the namespace "shop".*outrigger up/);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  await until('found', async () => (await client.echo().catch(() => '')) === 'a');
});

test('a deleted service is no longer called', async t => {
  const control = await TestControlPlane.start(t);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'outrigger.patience_ms': 50 });
  await client.echo();
  control.hub.publish(new Set(), []);
  await until('calls fail', async () => {
    const failure = await client.echo().then(
      () => null,
      (error: ServiceError) => error,
    );
    return /no service "embedder"/.test(failure?.details ?? '');
  });
  t.pass();
});

test('without a control plane a call fails, and says how to start one', async t => {
  const control = await TestControlPlane.start(t);
  const { address } = control;
  await control.kill();
  const client = new EchoClient(t, `outrigger://${address}/${SERVICE}`, { 'outrigger.patience_ms': 50 });
  const error = await t.throwsAsync<ServiceError>(client.echo());
  t.is(error!.code, status.UNAVAILABLE);
  t.regex(error!.details, /No control plane at http:\/\/127\.0\.0\.1:\d+: the connection was refused/);
  await control.start();
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  await until('found', async () => (await client.echo().catch(() => '')) === 'a');
});

test('a full queue that asks for another attempt is asked again', async t => {
  const control = await TestControlPlane.start(t);
  let full = 2;
  const fail = () =>
    full-- > 0 ? (Object.assign(new Error('full'), { code: status.RESOURCE_EXHAUSTED }) as ServiceError) : null;
  const a = await startReplica(t, 'a', { fail });
  publish(control.hub, [a]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  t.is(await client.echo(), 'a');
  t.is(a.calls(), 3);
});

test("a channel's own service config is left alone", async t => {
  const control = await TestControlPlane.start(t);
  let failed = false;
  const fail = () => {
    if (failed) return null;
    failed = true;
    return Object.assign(new Error('full'), { code: status.RESOURCE_EXHAUSTED }) as ServiceError;
  };
  const a = await startReplica(t, 'a', { fail });
  publish(control.hub, [a]);
  const own = JSON.stringify({ loadBalancingConfig: SERVICE_CONFIG.loadBalancingConfig, methodConfig: [] });
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, { 'grpc.service_config': own });
  await t.throwsAsync(client.echo(), { message: /full/ });
});

test('messages of 64 MiB go there and back', async t => {
  const control = await TestControlPlane.start(t);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  t.is(await client.echo(Buffer.alloc(64 * 1024 * 1024, 7), 120_000), 'a');
});

test('a stream of answers comes through', async t => {
  const control = await TestControlPlane.start(t);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`);
  t.deepEqual(
    await client.count(500),
    Array.from({ length: 500 }, (_, i) => String(i)),
  );
});

test('all channels of a process share one watch, which ends with the last of them', async t => {
  const control = await TestControlPlane.start(t);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  const target = `outrigger://${control.address}/${SERVICE}`;
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const clients = [new EchoClient(t, target), new EchoClient(t, target), new EchoClient(t, target, options)];
  await Promise.all(clients.map(client => client.echo()));
  t.is(control.hub.watcherCount(), 1);
  for (const { client } of clients) client.close();
  await until('nobody watches', () => control.hub.watcherCount() === 0);
});

test('a channel that went idle watches no more, and comes back with the next call', async t => {
  const control = await TestControlPlane.start(t);
  const [a, b] = await Promise.all(['a', 'b'].map(id => startReplica(t, id)));
  publish(control.hub, [a!]);
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, {
    'grpc.client_idle_timeout_ms': 1_000,
  });
  t.is(await client.echo(), 'a');
  await until('idle', () => control.hub.watcherCount() === 0);
  publish(control.hub, [b!]);
  t.is(await client.echo(), 'b');
  t.is(control.hub.watcherCount(), 1);
});

test('names that are none are refused when the client is made', t => {
  t.throws(() => new EchoClient(t, 'outrigger:///a/b/c'), { message: /not the name of a service.*namespace\/service/ });
  t.throws(() => new EchoClient(t, 'outrigger:///Shop/Embedder'), { message: /lower-case/ });
});
