import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import Docker from 'dockerode';
import { LABELS } from '../../control-plane/engine/docker/index.ts';
import { ensureBusyboxImage } from '../images/busybox.ts';
import { COMPOSE_FILES, type ComposeFile } from './compose-files.ts';
import { containerView } from './container-view.ts';
import { OutriggerCommand, output } from './outrigger-command.ts';

/** The same files, brought up by Compose and by Outrigger: what their containers see has to be the same. */
const docker = new Docker();
let outrigger: OutriggerCommand;

test.before(async () => {
  await ensureBusyboxImage();
  outrigger = await OutriggerCommand.open();
});

test.after.always(async t => {
  t.timeout(60_000);
  await outrigger.dispose();
});

for (const [name, file] of Object.entries(COMPOSE_FILES)) {
  test(`a file that Compose brings up means the same to Outrigger: ${file.title}`, async t => {
    t.timeout(170_000);
    const project = `parity-${name}`;
    const folder = path.join(outrigger.folder, project);
    await lay(folder, file);
    const env = { ...outrigger.environment, ...file.environment };
    const compose = (...args: string[]) => output('docker', ['compose', ...args], { cwd: folder, env });
    t.teardown(() => compose('down', '-v', '-t', '0', '--remove-orphans', '--rmi', 'local').catch(() => {}));

    await compose('up', '-d', '--wait', ...(file.arguments ?? []));
    const byCompose = await views(
      file,
      { label: [`com.docker.compose.project=${project}`] },
      'com.docker.compose.service',
    );
    await compose('down', '-v', '-t', '0');

    const command = outrigger.at(folder, file.environment);
    await command.must('up', '-d', ...(file.arguments ?? []));
    const byOutrigger = await views(file, { label: [`${LABELS.namespace}=${project}`] }, LABELS.service);
    t.deepEqual(byOutrigger, byCompose);
    await command.must('down', '-v');
    const { Volumes: volumes } = await docker.listVolumes({ filters: { name: [project] } });
    t.deepEqual(volumes?.map(volume => volume.Name) ?? [], []);
  });
}

async function lay(folder: string, file: ComposeFile): Promise<void> {
  for (const [name, content] of Object.entries(file.files)) {
    const where = path.join(folder, name);
    await mkdir(path.dirname(where), { recursive: true });
    await writeFile(where, content);
    await chmod(where, file.modes?.[name] ?? 0o644);
  }
}

/** The containers' views, by service; those of a service's replicas in one order. */
async function views(file: ComposeFile, filters: { label: string[] }, serviceLabel: string) {
  const byService: Record<string, object[]> = {};
  for (const { Id, Labels } of await docker.listContainers({ filters })) {
    const service = Labels[serviceLabel] ?? '';
    byService[service] ??= [];
    byService[service].push(await containerView(Id, service, file));
  }
  return byService;
}
