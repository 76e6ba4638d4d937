import test, { type ExecutionContext } from 'ava';
import Docker from 'dockerode';
import { close } from '../../client/index.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { ReplicaView } from '../../control-plane/views/views.ts';
import { ensureBusyboxImage } from '../images/busybox.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { until } from '../until.ts';
import { EndpointLog } from './endpoint-log.ts';
import { livesOf, SERVE, web } from './services.ts';

test.before(() => ensureBusyboxImage().then(() => {}));
test.after.always(() => close());

/** Serves until SIGUSR1, then does as told. */
function untilTold(then: string): string[] {
  return ['sh', '-c', `trap '${then}' USR1; (${SERVE}) & while :; do wait; sleep 0.05; done`];
}

interface Scene {
  readonly controlPlane: RunningControlPlane;
  readonly clients: EndpointLog;
  /** The replica that something is going to happen to. */
  readonly victim: ReplicaView;
  /** The replicas that clients know after that. */
  readonly others: readonly string[];
  /** Everything that must go on as if nothing had happened: the victim's siblings and another service. */
  neighbours(): Promise<unknown>;
  view(): Promise<ReplicaView>;
}

/** Two replicas of the service, one of another, and a client that watches; one replica is chosen. */
async function begin(t: ExecutionContext, namespace: string, more: Partial<ServiceSpecInput>): Promise<Scene> {
  t.timeout(3 * 60_000);
  const controlPlane = await RunningControlPlane.start();
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(web({ namespace, replicas: 2 }, more), web({ namespace, name: 'neighbour' }));
  const services = await controlPlane.ready(namespace);
  const replicas = services.find(s => s.name === 'web')?.replicas ?? [];
  const victim = replicas[0] as ReplicaView;
  const clients = new EndpointLog(controlPlane.socket, `${namespace}/web`);
  t.teardown(() => clients.close());
  await clients.shows(replicas.map(r => r.id));
  return {
    controlPlane,
    clients,
    victim,
    others: replicas.slice(1).map(r => r.id),
    neighbours: async () => {
      const containers = await controlPlane.containers();
      return [...livesOf(containers, 'web'), ...livesOf(containers, 'neighbour')].filter(l => l.replica !== victim.id);
    },
    view: async () => {
      const found = (await controlPlane.service(namespace, 'web')).replicas.find(r => r.id === victim.id);
      if (!found) throw new Error(`replica ${victim.id} is gone`);
      return found;
    },
  };
}

function container(replica: ReplicaView): Docker.Container {
  return new Docker().getContainer(replica.containerId ?? '');
}

async function reaches(scene: Scene, phase: ReplicaView['phase']): Promise<ReplicaView> {
  return await until(
    async () => `the replica is ${phase}; it is ${JSON.stringify(await scene.view())}`,
    async () => {
      const view = await scene.view();
      return view.phase === phase ? view : null;
    },
  );
}

/** Ten seconds, give or take the tenth that depends on the replica's id. */
function isFirstBackoff(t: ExecutionContext, { retryAtMs = 0, sinceMs }: ReplicaView): void {
  const pauseMs = retryAtMs - sinceMs;
  t.true(pauseMs >= 9_000 && pauseMs <= 11_000, `${pauseMs} ms`);
}

async function isRestartedAlone(t: ExecutionContext, scene: Scene, fallen: ReplicaView): Promise<ReplicaView> {
  const back = await reaches(scene, 'ready');
  t.is(back.attempt, fallen.attempt + 1);
  t.not(back.containerId, fallen.containerId);
  const again = back.timings[0]?.enteredAtMs ?? 0;
  t.true(again >= (fallen.retryAtMs ?? 0), 'not before its back-off is over');
  await scene.clients.shows([back.id, ...scene.others]);
  return back;
}

test('a replica that crashes leaves every client, says why, and is restarted alone; then given up with its budget', async t => {
  const scene = await begin(t, 'crashes', {
    command: untilTold('echo "the weights are corrupt" >&2; exit 3'),
    restart: { maxAttempts: 1 },
  });
  const { clients, victim, others } = scene;
  const neighbours = await scene.neighbours();

  const crashedAt = performance.now();
  await container(victim).kill({ signal: 'USR1' });
  const leftAt = await clients.shows(others);
  t.log(`out of the clients' set ${(leftAt - crashedAt).toFixed(0)} ms after it was told to crash`);
  const fallen = await reaches(scene, 'backoff');
  t.is(fallen.exitCode, 3);
  t.is(fallen.message, 'exited with code 3');
  t.is(fallen.logTail.at(-1), 'the weights are corrupt');
  isFirstBackoff(t, fallen);
  const service = await scene.controlPlane.service('crashes', 'web');
  t.is(service.state, 'degraded');
  t.is(service.message, 'exited with code 3');
  const back = await isRestartedAlone(t, scene, fallen);

  await container(back).kill({ signal: 'USR1' });
  await clients.shows(others);
  const failed = await reaches(scene, 'failed');
  t.is(failed.exitCode, 3);
  t.is(failed.logTail.at(-1), 'the weights are corrupt');
  t.is((await scene.controlPlane.service('crashes', 'web')).state, 'degraded', 'the other replica serves');
  t.deepEqual(await scene.neighbours(), neighbours, 'neighbours were touched');
});

test('a replica that runs out of memory says so, and how to mend it', async t => {
  const scene = await begin(t, 'eats', {
    command: untilTold('echo "loading everything"; exec tail /dev/zero'),
    resources: { limitMemoryBytes: 32 * 2 ** 20 },
  });
  const { clients, victim, others } = scene;
  const neighbours = await scene.neighbours();

  const toldAt = performance.now();
  await container(victim).kill({ signal: 'USR1' });
  const leftAt = await clients.shows(others);
  t.log(`out of the clients' set ${(leftAt - toldAt).toFixed(0)} ms after it began to eat memory`);
  const fallen = await reaches(scene, 'backoff');
  t.is(fallen.exitCode, 137);
  t.regex(fallen.message, /out of memory \(raise its memory limit\)/);
  t.is(fallen.logTail.at(-1), 'loading everything');
  isFirstBackoff(t, fallen);
  await isRestartedAlone(t, scene, fallen);
  t.deepEqual(await scene.neighbours(), neighbours, 'neighbours were touched');
});

test('a replica that hangs is out by its readiness probe, and restarted by its liveness probe', async t => {
  const scene = await begin(t, 'hangs', {});
  const { clients, victim, others } = scene;
  const neighbours = await scene.neighbours();

  // Frozen: the kernel accepts its connections, and nobody answers.
  const hungAt = performance.now();
  await container(victim).pause();
  const leftAt = await clients.shows(others);
  t.log(`out of the clients' set ${(leftAt - hungAt).toFixed(0)} ms after it hung`);
  const impaired = await scene.view();
  t.is(impaired.phase, 'ready', 'it is withdrawn long before anybody thinks of ending it');
  t.true(impaired.impaired);
  t.regex(impaired.message, /no answer within 1000 ms/);

  const fallen = await reaches(scene, 'backoff');
  t.log(`ended for its liveness ${(performance.now() - hungAt).toFixed(0)} ms after it hung`);
  t.regex(fallen.message, /the liveness probe failed: .*no answer within/);
  isFirstBackoff(t, fallen);
  await isRestartedAlone(t, scene, fallen);
  t.deepEqual(await scene.neighbours(), neighbours, 'neighbours were touched');
});

test('a replica that hangs and then goes on is back without a restart', async t => {
  const scene = await begin(t, 'stutters', {});
  const { clients, victim, others } = scene;
  await container(victim).pause();
  await clients.shows(others);
  await container(victim).unpause();
  await clients.shows([victim.id, ...others]);
  const back = await scene.view();
  t.is(back.attempt, 1);
  t.is(back.containerId, victim.containerId);
});
