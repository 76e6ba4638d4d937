import { rm } from 'node:fs/promises';
import test from 'ava';
import Docker from 'dockerode';
import { LABELS } from '../../control-plane/engine/docker/index.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { OutriggerCommand } from '../product/outrigger-command.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { web } from './services.ts';

test.before(() => ensureBusyboxImage().then(() => {}));

const docker = new Docker();

async function foreignContainer(labels: Record<string, string>, running: boolean): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: BUSYBOX_IMAGE,
    Cmd: ['sleep', '600'],
    Labels: { 'outrigger-test': 'foreign', ...labels },
  });
  if (running) await container.start();
  return container;
}

test('containers that look like ours and are not live through deploy, scale, restart and down', async t => {
  t.timeout(2 * 60_000);
  const controlPlane = await RunningControlPlane.start();
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(web({ namespace: 'neighbours', replicas: 2 }));
  await controlPlane.ready('neighbours');
  const [one] = await controlPlane.containers();
  const ours = one?.Config.Labels ?? {};

  const { [LABELS.instance]: _, ...nobodys } = ours;
  const lookAlikes = {
    'of another control plane': { ...ours, [LABELS.instance]: 'another-instance' },
    'without an instance': nobodys,
    'of the same Compose project': { 'com.docker.compose.project': 'neighbours', 'com.docker.compose.service': 'web' },
    // Ours by its instance, yet no replica could have these: it is somebody's copy, and not complete.
    'with labels that make no sense': { [LABELS.instance]: ours[LABELS.instance] ?? '', [LABELS.attempt]: 'first' },
  };
  const foreign = new Map<string, Docker.Container>();
  t.teardown(async () => {
    for (const container of foreign.values()) await container.remove({ force: true }).catch(() => {});
  });
  for (const [kind, labels] of Object.entries(lookAlikes)) {
    foreign.set(kind, await foreignContainer(labels, true));
    foreign.set(`${kind}, stopped`, await foreignContainer(labels, false));
  }
  const stateOf = async () =>
    Promise.all(
      [...foreign].map(async ([kind, c]) => {
        const { State, RestartCount } = await c.inspect();
        return { kind, pid: State.Pid, status: State.Status, startedAt: State.StartedAt, RestartCount };
      }),
    );
  const before = await stateOf();

  await controlPlane.request('POST', '/v1/services/neighbours/web/scale', { replicas: 3 });
  await controlPlane.ready('neighbours');
  await controlPlane.request('POST', '/v1/services/neighbours/web/restart', {});
  await controlPlane.ready('neighbours');
  await controlPlane.kill('SIGKILL');
  await controlPlane.launch();
  await controlPlane.ready('neighbours');
  t.deepEqual(await stateOf(), before);
  t.is((await controlPlane.service('neighbours', 'web')).replicas.length, 3, 'nor are they taken for replicas');

  const command = await OutriggerCommand.open({ environment: { OUTRIGGER_ADDRESS: `unix://${controlPlane.socket}` } });
  t.teardown(() => rm(command.folder, { recursive: true, force: true }));
  await command.must('down', '-p', 'neighbours');
  t.deepEqual(await controlPlane.services('neighbours'), []);
  t.deepEqual(await stateOf(), before, 'down took nothing that is not ours');
});
