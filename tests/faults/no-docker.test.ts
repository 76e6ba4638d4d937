import { chmod, symlink } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { asRoot } from '../as-root.ts';
import { AS_ANYBODY, closedSocket } from '../closed-socket.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { OutriggerCommand } from '../product/outrigger-command.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { until } from '../until.ts';
import { web } from './services.ts';

const SERVICE_FILE = `
services:
  web:
    image: ${BUSYBOX_IMAGE}
    command: ["sleep", "3600"]
    init: true
`;
const ROOT = path.join(import.meta.dirname, '../..');
const OUTRIGGER = path.join(ROOT, 'bin/outrigger');

/** A person with a service file, and a command that is run in a way of its own where `wrapped` says how. */
async function person(
  t: ExecutionContext,
  { dockerSocket, wrapped }: { dockerSocket?: string; wrapped?: (folder: string) => string } = {},
): Promise<OutriggerCommand> {
  t.timeout(2 * 60_000);
  const plain = await OutriggerCommand.open();
  t.teardown(() => plain.dispose());
  const wrapper = wrapped && (await plain.write('wrapper', `#!/bin/sh\n${wrapped(plain.folder)}\n`));
  if (wrapper) await chmod(wrapper, 0o755);
  const environment = {
    OUTRIGGER_STATE: path.join(plain.folder, 'state'),
    ...(dockerSocket === undefined ? {} : { DOCKER_HOST: `unix://${path.join(plain.folder, dockerSocket)}` }),
  };
  const command = await OutriggerCommand.open({ environment, ...(wrapper ? { program: wrapper } : {}) });
  t.teardown(() => command.dispose());
  await command.write('compose.yaml', SERVICE_FILE);
  return command;
}

/** The control plane that a failed `up` started goes by itself, as nothing runs. */
async function leavesNobody(command: OutriggerCommand): Promise<void> {
  await until(
    'the control plane that was started for the command has ended',
    async () => (await command.controlPlane()) === null,
  );
}

test('without Docker, up fails at once, says where it looked and how to start it, and leaves nothing', async t => {
  const command = await person(t, { dockerSocket: 'nobody.sock' });
  const { status, stderr } = await command.run('up', '-d');
  t.is(status, 1);
  t.regex(stderr, /error: .*No node answers/);
  t.regex(stderr, /local: Docker is not running at unix:\/\/.*nobody\.sock\. Start it \(`systemctl start docker`/);
  t.regex(stderr, /next:.*outrigger doctor/);
  t.is(await command.controlPlane(), null, 'it has ended with the command that started it');
  const next = await command.at(command.folder, { DOCKER_HOST: 'tcp://127.0.0.1:1' }).run('up', '-d');
  t.is(next.status, 1);
  t.regex(next.stderr, /Docker is not running at tcp:\/\/127\.0\.0\.1:1/, 'the next command speaks to its own engine');
});

test('a Docker socket without permission says so, and which group to join', async t => {
  const program = `exec ${[...AS_ANYBODY, OUTRIGGER].join(' ')} "$@"`;
  const command = await person(t, { dockerSocket: 'docker.sock', wrapped: () => program });
  await closedSocket(t, command.environment['DOCKER_HOST']?.slice('unix://'.length) ?? '');

  const { status, stderr } = await command.run('up', '-d');
  t.is(status, 1);
  t.regex(stderr, /No permission to use the Docker socket at unix:\/\/.*docker\.sock/);
  t.regex(stderr, /usermod -aG docker/);
  await leavesNobody(command);
});

test('an engine that hangs from the start: up says so after one deadline instead of waiting for ever', async t => {
  const command = await person(t, { dockerSocket: 'docker.sock' });
  const socket = command.environment['DOCKER_HOST']?.slice('unix://'.length) ?? '';
  const open = new Set<net.Socket>();
  const server = net.createServer(s => open.add(s.on('error', () => {})));
  await new Promise<void>(resolve => server.listen(socket, resolve));
  t.teardown(() => {
    for (const s of open) s.destroy();
    return new Promise<void>(resolve => server.close(() => resolve()));
  });
  const { status, stderr } = await command.run('up', '-d');
  t.is(status, 1);
  t.regex(stderr, /local: listing the containers of node local got no answer within 5 s\. The engine hangs/);
  await leavesNobody(command);
});

test('without a docker command, up says what to install', async t => {
  const main = path.join(ROOT, 'cli/main.ts');
  const command = await person(t, {
    wrapped: folder => `PATH=${folder}/nothing exec ${process.execPath} ${main} "$@"`,
  });
  const { status, stderr } = await command.run('up', '-d');
  t.is(status, 1);
  t.regex(stderr, /there is no docker command on the PATH/);
  t.regex(stderr, /next:.*Install the Docker command and its compose plugin/);
  t.is(await command.controlPlane(), null, 'nothing was started');
});

// The plugin can only be hidden in a mount namespace of the command's own, which takes root.
asRoot('without the compose plugin, up says what to install', async t => {
  const folders = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map(
    f => `${f}/docker/cli-plugins`,
  );
  const hide = `for f in ${folders.join(' ')}; do [ ! -d $f ] || mount -t tmpfs none $f; done`;
  const command = await person(t, {
    wrapped: folder =>
      `export DOCKER_CONFIG=${folder}/none; exec unshare --mount sh -c '${hide}; exec ${OUTRIGGER} "$@"' sh "$@"`,
  });
  const { status, stderr } = await command.run('up', '-d');
  t.is(status, 1);
  t.regex(stderr, /the docker command has no compose plugin/);
  t.regex(stderr, /next:.*Install Docker Compose 2\.36 or later/);
  t.is(await command.controlPlane(), null, 'nothing was started');
});

test('a control plane that was started before Docker takes it up when it comes', async t => {
  await ensureBusyboxImage();
  const place = await OutriggerCommand.open();
  t.teardown(() => place.dispose());
  const socket = path.join(place.folder, 'docker.sock');
  const controlPlane = await RunningControlPlane.start({ environment: { DOCKER_HOST: `unix://${socket}` } });
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(web({ namespace: 'early' }));
  const waiting = await until('a replica waits', async () => (await controlPlane.service('early', 'web')).replicas[0]);
  t.is(waiting.phase, 'pending');
  t.regex(waiting.message, /local: no answer: Docker is not running at/);
  await symlink('/var/run/docker.sock', socket);
  await controlPlane.ready('early');
  t.pass();
});
