import type { RequestListener, ServerResponse } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { parseControlAddress } from '../../client/control-address.ts';
import { createFetch, watch } from '../../client/index.ts';
import { ServiceWatch } from '../../client/service-watch.ts';
import { Line } from '../faults/line.ts';
import { httpServer } from '../sidecar/servers.ts';
import { until } from '../until.ts';
import { publish, SERVICE, TestControlPlane } from './control-plane.ts';

/** A request runs on replica `a`, which leaves; all that is known of it is what this client says. */
async function aWorksOn(t: ExecutionContext, control: TestControlPlane, address: string) {
  const running: ServerResponse[] = [];
  const works: RequestListener = (_, response) => void running.push(response);
  const servers = await Promise.all([works, answers('b'), answers('c')].map(answer => httpServer(answer)));
  t.teardown(() => Promise.all(servers.map(server => server.close())));
  const [a, b, c] = ['a', 'b', 'c'].map((id, i) => ({ id, port: servers[i]!.port })) as [At, At, At];
  const fetch = createFetch({ address, service: SERVICE });
  t.teardown(() => fetch.dispatcher.destroy());
  let known = '';
  const watching = watch(SERVICE, ({ endpoints }) => (known = endpoints.map(e => e.replicaId).join()), { address });
  t.teardown(() => watching.close());
  publish(control.hub, [a]);
  const answer = fetch('http://any/').then(response => response.text());
  await until('it runs', () => running.length === 1);
  return {
    replicas: { a, b, c },
    answer,
    end: () => running[0]!.end('finished'),
    /** Lets these serve, until this client has put it to use. */
    serve: async (...replicas: At[]) => {
      publish(control.hub, replicas);
      await until('the change is known', () => known === replicas.map(r => r.id).join());
    },
    mayBeStopped: () => control.hub.withdrawalConfirmed(SERVICE, 'a'),
  };
}

interface At {
  readonly id: string;
  readonly port: number;
}

function answers(text: string): RequestListener {
  return (_, response) => void response.end(text);
}

test('a replica that left is in use until its last request has ended, though the watch broke meanwhile', async t => {
  const control = await TestControlPlane.start(t);
  const line = await Line.to(new URL(`http://${control.address}`));
  t.teardown(() => line.close());
  const { replicas, serve, mayBeStopped, end, answer } = await aWorksOn(t, control, line.address);
  await serve(replicas.b);
  t.false(mayBeStopped());
  line.cut();
  await until('it is cut off', () => control.hub.watcherCount() === 0);
  t.false(mayBeStopped(), 'it is away, and works on');
  line.mend();
  await until('it is back', () => control.hub.watcherCount() === 1);
  await serve(replicas.c);
  await serve(replicas.b);
  t.false(mayBeStopped(), 'it is back, and works on');
  end();
  t.is(await answer, 'finished');
  await until('a may be stopped', mayBeStopped);
});

test('a new life of the control plane is told of the replicas that are still in use', async t => {
  const control = await TestControlPlane.start(t);
  const { replicas, serve, mayBeStopped, end, answer } = await aWorksOn(t, control, control.address);
  await serve(replicas.b);
  await control.kill();
  await control.start(hub => publish(hub, [replicas.b]));
  await until('it is back', () => control.hub.watcherCount() === 1);
  await serve(replicas.c);
  await serve(replicas.b);
  t.false(mayBeStopped(), 'a still works for this client');
  end();
  t.is(await answer, 'finished');
  await until('a may be stopped', mayBeStopped);
});

test('what left while the control plane was away is in use until it is let go', async t => {
  const control = await TestControlPlane.start(t);
  const { replicas, serve, mayBeStopped, end, answer } = await aWorksOn(t, control, control.address);
  await control.kill();
  await control.start(hub => publish(hub, [replicas.b]));
  await until('it is back', () => control.hub.watcherCount() === 1);
  await serve(replicas.c);
  t.false(mayBeStopped());
  end();
  t.is(await answer, 'finished');
  await until('a may be stopped', mayBeStopped);
});

test('a dispatcher that is closed lets its requests end before it says that it calls nobody any more', async t => {
  const control = await TestControlPlane.start(t);
  const { address } = control;
  const running: ServerResponse[] = [];
  const server = await httpServer((_, response) => void running.push(response));
  t.teardown(() => server.close());
  publish(control.hub, [{ id: 'a', port: server.port }]);
  const fetch = createFetch({ address, service: SERVICE });
  t.teardown(() => fetch.dispatcher.destroy());
  const answer = fetch('http://any/').then(response => response.text());
  await until('it runs', () => running.length === 1);
  const closed = fetch.close();
  publish(control.hub, []);
  // Somebody else who comes now is served after whatever the closed one has said.
  const other = new ServiceWatch(parseControlAddress(address), { namespace: 'shop', service: 'embedder' });
  t.teardown(other.subscribe(() => undefined));
  await until('another watch is there', () => other.state.connection.kind === 'current');
  t.false(control.hub.withdrawalConfirmed(SERVICE, 'a'));
  running[0]!.end('finished');
  t.is(await answer, 'finished');
  await closed;
  await until('a may be stopped', () => control.hub.withdrawalConfirmed(SERVICE, 'a'));
});
