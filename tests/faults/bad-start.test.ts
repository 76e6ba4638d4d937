import { rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import test from 'ava';
import { LocalRegistry } from '../docker/engine/local-registry.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { OutriggerCommand } from '../product/outrigger-command.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { type Life, livesOf, web } from './services.ts';

/** One control plane for all, on which something runs that no failed start may touch. */
let controlPlane: RunningControlPlane;
let bystanders: readonly Life[];

test.before(async () => {
  await ensureBusyboxImage();
  controlPlane = await RunningControlPlane.start();
  await controlPlane.apply(web({ namespace: 'standing', replicas: 2 }));
  await controlPlane.ready('standing');
  bystanders = livesOf(await controlPlane.containers(), 'web');
});
test.after.always(() => controlPlane?.dispose());

interface BadStart {
  /** Lines of the service, below its name. */
  readonly service: readonly string[];
  readonly says: readonly RegExp[];
  readonly options?: readonly string[];
}

let count = 0;

/** `up` of a service that cannot start: what it says, that it ends, and that it leaves everything as it was. */
const fails = test.macro(async (t, prepare: () => Promise<BadStart & { end?: () => Promise<void> }>) => {
  t.timeout(2 * 60_000);
  count += 1;
  const project = `bad${count}`;
  const { service, says, options = [], end } = await prepare();
  t.teardown(() => end?.());
  const command = await OutriggerCommand.open({ environment: { OUTRIGGER_ADDRESS: `unix://${controlPlane.socket}` } });
  t.teardown(() => rm(command.folder, { recursive: true, force: true }));
  await command.write('compose.yaml', ['services:', '  model:', ...service.map(line => `    ${line}`)].join('\n'));
  const { status, stderr } = await command.run('up', '-d', '-p', project, ...options);
  t.is(status, 1, stderr);
  for (const words of says) t.regex(stderr, words);
  t.regex(stderr, /next:/);
  t.deepEqual(await controlPlane.services(project), [], 'the service is gone again');
  const containers = await controlPlane.containers();
  t.deepEqual(livesOf(containers, 'web'), bystanders, 'what ran before runs on');
  t.is(containers.length, bystanders.length, 'no container is left');
});

test.serial('an image that is not there', fails, async () => ({
  service: ['image: outrigger-test/no-such-image:1', 'pull_policy: never'],
  says: [/service "model" failed: .*outrigger-test\/no-such-image:1/, /Check its name, or build it there/],
}));

test.serial('an image that the registry does not have', fails, async () => {
  const registry = await LocalRegistry.start();
  return {
    service: [`image: ${registry.host}/no-such-model:2`],
    says: [/service "model" failed: .*no-such-model:2/, /Check the spelling of the image/],
    end: () => registry.close(),
  };
});

test.serial('a registry that does not answer', fails, async () => {
  const registry = await LocalRegistry.start();
  await registry.close();
  return {
    service: [`image: ${registry.host}/model:1`],
    says: [/service "model" failed: .*model:1.*connection refused/, /could not reach the image registry/],
  };
});

test.serial('a command that does not exist', fails, async () => ({
  service: [`image: ${BUSYBOX_IMAGE}`, 'command: ["/no/such/program"]'],
  says: [/service "model" failed: .*\/no\/such\/program/, /Check `command`, `entrypoint`/],
}));

test.serial('a command that exits', fails, async () => ({
  service: [`image: ${BUSYBOX_IMAGE}`, 'command: ["sh", "-c", "echo the licence has expired; exit 9"]'],
  says: [/service "model" failed: exited with code 9/, /exit code: 9/, /\| the licence has expired/],
}));

test.serial('a host port that another program holds', fails, async () => {
  const holder = net.createServer();
  await new Promise<void>(resolve => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  return {
    service: [`image: ${BUSYBOX_IMAGE}`, 'command: ["sleep", "60"]', `ports: ["127.0.0.1:${port}:8080"]`],
    says: [new RegExp(`service "model" failed: .*${port}`), /Another program holds the host port/],
    end: () => new Promise<void>(resolve => holder.close(() => resolve())),
  };
});

test.serial('more GPUs than there are', fails, async () => ({
  service: [
    `image: ${BUSYBOX_IMAGE}`,
    'deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 99, capabilities: [gpu]}]}}}',
  ],
  options: ['--wait-timeout', '2s'],
  says: [/model: local: needs 99 GPUs(, and no GPU is known on this node|: \d+ on the node)/],
}));

test.serial('more memory than the node has', fails, async () => ({
  service: [`image: ${BUSYBOX_IMAGE}`, 'deploy: {resources: {reservations: {memory: 900T}}}'],
  options: ['--wait-timeout', '2s'],
  says: [/model: local: needs 900 TiB of memory, [\d.]+ [GM]iB of [\d.]+ [GM]iB are free/],
}));
