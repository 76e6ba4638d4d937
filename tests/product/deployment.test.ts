import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import Docker from 'dockerode';
import { until } from '../until.ts';

const FILE = path.join(import.meta.dirname, '../../compose/deployment/compose.yaml');
const PROJECT = 'outrigger-deployment-test';

test('a Compose deployment with the control plane in a container runs models that a client finds in both ways', async t => {
  t.timeout(5 * 60_000);
  const environment = {
    ...process.env,
    CONSUL_IMAGE: 'outrigger-base/consul',
    COMPOSE_PROJECT_NAME: PROJECT,
    DOCKER_GID: String((await stat('/var/run/docker.sock')).gid),
  };
  const compose = async (...args: string[]) =>
    (await promisify(execFile)('docker', ['compose', '-f', FILE, '-p', PROJECT, ...args], { env: environment })).stdout;
  t.teardown(() => compose('down', '-v', '--remove-orphans').catch(() => {}));

  await compose('up', '-d');
  const said = JSON.parse(await compose('run', '--rm', 'client')) as {
    agree: boolean;
    found: { consul: string[]; outrigger: string[] };
    pings: { consul: boolean[]; outrigger: boolean };
    llm: number;
  };
  t.true(said.agree);
  t.is(said.found.consul.length, 2);
  t.deepEqual(said.pings, { consul: [true, true], outrigger: true });
  t.is(said.llm, 200);

  t.regex(await compose('exec', '-T', 'control-plane', 'outrigger', 'ps'), /^digits .* ready .*\n.*digits /m);
  const changed = compose('exec', '-T', 'control-plane', 'outrigger', 'up', '-d', 'digits', 'llm');
  await t.notThrowsAsync(changed, 'the models can be brought up again from within');

  const user = (await compose('exec', 'control-plane', 'id', '-u')).trim();
  t.not(user, '0', 'the control plane does not run as root');

  await compose('down', '-v');
  const docker = new Docker();
  const left = await until('the engine answers', async () => ({
    containers: (await docker.listContainers({ all: true })).filter(c => c.Names.some(n => n.includes(PROJECT))),
    networks: (await docker.listNetworks()).filter(n => n.Name.startsWith(PROJECT)),
    volumes: (await docker.listVolumes()).Volumes.filter(v => v.Name.startsWith(PROJECT)),
  }));
  t.deepEqual(left, { containers: [], networks: [], volumes: [] });
});
