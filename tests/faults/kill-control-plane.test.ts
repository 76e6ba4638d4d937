import test from 'ava';
import fc from 'fast-check';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { LABELS } from '../../control-plane/engine/docker/index.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { SEED } from '../seed.ts';

/** How often the control plane is killed; the full count is the issue's, fewer serve a quick look. */
const KILLS = Number(process.env['OUTRIGGER_KILLS'] ?? 100);
const NAMESPACE = 'killed';

function web(replicas: number, revision: number): ServiceSpecInput {
  return {
    namespace: NAMESPACE,
    name: 'web',
    image: BUSYBOX_IMAGE,
    command: ['sh', '-c', 'mkdir -p /tmp/w && echo ok > /tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w'],
    environment: { REVISION: String(revision) },
    protocol: 'http',
    port: 8080,
    // As process 1 it would ignore SIGTERM.
    init: true,
    stopGraceMs: 5_000,
    drain: { timeoutMs: 2_000 },
    replicas: { min: replicas, max: replicas, initial: replicas },
  };
}

/** A service that no operation touches: its containers have to live through everything. */
const BYSTANDER: ServiceSpecInput = { ...web(2, 0), name: 'bystander' };

test(`${KILLS} times killed with -9 at random instants of a deployment, nothing is restarted, doubled or leaked`, async t => {
  t.timeout(40 * 60_000);
  await ensureBusyboxImage();
  const seed = SEED;
  t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} replays these instants and operations`);
  const draw = fc.sample(
    fc.record({
      replicas: fc.integer({ min: 1, max: 4 }),
      changesSpec: fc.boolean(),
      // From before the request is sent to well after the deployment settled.
      killAfterMs: fc.integer({ min: 0, max: 900 }),
      deletes: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
      // Sometimes it dies a second time, while it is starting up again.
      secondKillAfterMs: fc.option(fc.integer({ min: 50, max: 900 }), { freq: 3 }),
    }),
    { seed, numRuns: KILLS },
  );

  const controlPlane = await RunningControlPlane.start();
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(BYSTANDER);
  await controlPlane.ready(NAMESPACE);
  const bystanders = await livesOf(controlPlane, 'bystander');
  t.is(bystanders.length, 2);

  let revision = 0;
  let wanted = web(2, 0);
  for (const [round, { replicas, changesSpec, killAfterMs, deletes, secondKillAfterMs }] of draw.entries()) {
    if (changesSpec) revision += 1;
    wanted = web(replicas, revision);
    const request = deletes
      ? controlPlane.request('DELETE', `/v1/services/${NAMESPACE}?names=web`)
      : controlPlane.apply(wanted);
    // The answer may be lost with the process; what was acknowledged must hold, what was not may or may not.
    const acknowledged = request.then(
      () => true,
      () => false,
    );
    await new Promise(resolve => setTimeout(resolve, killAfterMs));
    await controlPlane.kill();
    const survivors = await livesOf(controlPlane, 'web');
    if (secondKillAfterMs !== null) {
      controlPlane.spawn();
      await new Promise(resolve => setTimeout(resolve, secondKillAfterMs));
      await controlPlane.kill();
    }
    await controlPlane.launch();
    t.deepEqual(await livesOf(controlPlane, 'bystander'), bystanders, `round ${round}: a bystander was touched`);
    await atMostOneContainerAReplica(t, controlPlane, round);
    if (deletes || !(await acknowledged)) await controlPlane.apply(wanted).catch(() => controlPlane.apply(wanted));
    await controlPlane.ready(NAMESPACE);
    const now = await livesOf(controlPlane, 'web');
    t.is(now.length, replicas, `round ${round}: ${replicas} replicas were wanted`);
    for (const life of now) {
      const before = survivors.find(s => s.id === life.id);
      if (before) t.deepEqual(life, before, `round ${round}: a surviving container was restarted`);
    }
  }

  await controlPlane.remove(NAMESPACE);
  await controlPlane.gone(NAMESPACE);
  t.deepEqual(await controlPlane.containers(), [], 'containers are left over');
});

/** Id, process and start time of a service's running containers: what a restart would change. */
async function livesOf(controlPlane: RunningControlPlane, service: string) {
  const containers = await controlPlane.containers();
  return containers
    .filter(c => c.Config.Labels[LABELS.service] === service && c.State.Running)
    .map(c => ({ id: c.Id, pid: c.State.Pid, startedAt: c.State.StartedAt, restarts: c.RestartCount }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function atMostOneContainerAReplica(
  t: { is: (actual: number, expected: number, message: string) => void },
  controlPlane: RunningControlPlane,
  round: number,
): Promise<void> {
  const running = (await controlPlane.containers()).filter(c => c.State.Running);
  const replicas = new Set(running.map(c => c.Config.Labels[LABELS.replica]));
  t.is(replicas.size, running.length, `round ${round}: a replica has two containers`);
}
