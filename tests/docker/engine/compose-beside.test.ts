import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { requestOf, soon } from '../../contract/engine.ts';
import { type DockerWorld, dockerWorld } from '../../contract/engine-docker.ts';

const run = promisify(execFile);

/** An application of the same project in Compose, and a way to speak to it. */
async function composeProject(t: ExecutionContext, w: DockerWorld) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-compose-'));
  const file = path.join(folder, 'compose.yaml');
  const volumes = 'volumes: {models: {}}';
  await writeFile(
    file,
    `services: {app: {image: "${w.image}", command: [sleep, "3600"], init: true, volumes: ["models:/models"]}}\n${volumes}\n`,
  );
  const compose = (...command: string[]) =>
    run('docker', ['compose', '-p', w.namespace, '-f', file, ...command], { timeout: 120_000 });
  t.teardown(async () => {
    await compose('down', '-v', '--timeout', '0').catch(() => {});
    await w.close();
    await rm(folder, { recursive: true });
  });
  return compose;
}

const mounts = (w: DockerWorld) => [{ kind: 'volume' as const, name: `${w.namespace}_models`, target: '/models' }];

test("Compose takes our network and volume for its own, and our container for nobody's orphan", async t => {
  const w = await dockerWorld();
  const compose = await composeProject(t, w);
  const { containerId } = await w.engine.create(requestOf(w, { ...w.programs.serves, mounts: mounts(w) }), soon());
  await w.engine.start(containerId, soon());

  const up = await compose('up', '-d', '--remove-orphans');
  t.notRegex(up.stderr + up.stdout, /orphan|warn|not created by/i);
  const { stdout } = await compose('exec', '-T', 'app', 'nslookup', 'svc');
  const [container] = (await w.engine.observe(soon())).containers;
  t.true(stdout.includes(container?.addresses[0]?.ip ?? 'no address'), 'the application finds the replica by its name');

  const down = await compose('down', '--remove-orphans', '--timeout', '0');
  t.notRegex(down.stdout + down.stderr, new RegExp(`${w.namespace}-svc`));
  t.is((await w.engine.observe(soon())).containers[0]?.state, 'running');
});

test('a network that Compose made is used, left when we clean, and remade when Compose took it away meanwhile', async t => {
  const w = await dockerWorld();
  const compose = await composeProject(t, w);
  await compose('up', '-d');
  const first = await w.engine.create(requestOf(w, w.programs.serves), soon());
  await w.engine.start(first.containerId, soon());
  t.is((await w.engine.observe(soon())).containers[0]?.addresses[0]?.network, `${w.namespace}_default`);
  await w.engine.stop(first.containerId, { graceMs: 1_000 }, soon());
  await w.engine.remove(first.containerId, soon());
  await w.engine.cleanNamespace(w.namespace, { volumes: true }, soon());
  t.is((await w.docker.listNetworks({ filters: JSON.stringify({ name: [`${w.namespace}_default`] }) })).length, 1);

  await compose('down', '--timeout', '0');
  const second = await w.engine.create(requestOf(w, w.programs.serves, { attempt: 2 }), soon());
  await w.engine.start(second.containerId, soon());
  t.is((await w.engine.observe(soon())).containers[0]?.state, 'running');
});
