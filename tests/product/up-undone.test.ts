import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { until } from '../until.ts';
import { isAlive, OutriggerCommand, type RunningCommand } from './outrigger-command.ts';

test.before(async () => {
  await ensureBusyboxImage();
});

/** Runs, and never gets ready: nobody listens where it is probed. */
function file(project: string): string {
  return `
name: ${project}
services:
  web:
    image: ${BUSYBOX_IMAGE}
    command: ["sleep", "600"]
    init: true
    stop_grace_period: 2s
    x-outrigger: {protocol: http, port: 8080, replicas: 2}
`;
}

/** A command that waits for a service whose containers run, and the control plane that it started. */
async function waiting(t: ExecutionContext, project: string, ...args: string[]) {
  const outrigger = await OutriggerCommand.open();
  t.teardown(() => outrigger.dispose());
  await outrigger.write('compose.yaml', file(project));
  const command = outrigger.start(...args);
  await until(
    () => `the containers run; it wrote\n${command.stdout()}\n${command.stderr()}`,
    async () => {
      if (command.child.exitCode !== null) throw new Error(`it ended first:\n${command.stderr()}`);
      const running = await outrigger.services(project).catch(() => []);
      return running.length === 1 && running[0]!.replicas.filter(r => r.phase === 'starting').length === 2;
    },
  );
  await outrigger.instance();
  const { pid = -1 } = (await outrigger.controlPlane()) ?? {};
  return { outrigger, command, pid };
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await until('the control plane is gone', () => !isAlive(pid));
}

async function isOver(t: ExecutionContext, outrigger: OutriggerCommand, command: RunningCommand, code: number) {
  const { status, stdout, stderr } = await command.ended;
  t.is(status, code, `${stdout}\n${stderr}`);
  t.deepEqual((await outrigger.left()).containers, []);
}

for (const args of [['up', '-d'], ['up'], ['compose', '--project-name=killed-provider', 'up', 'web']]) {
  const project = args[0] === 'up' ? `killed-${args.length}` : 'killed-provider';

  test.serial(`${args.join(' ')} starts a control plane again that is killed while it waits, and goes on`, async t => {
    t.timeout(120_000);
    const { outrigger, command, pid } = await waiting(t, project, ...args);
    const before = (await outrigger.services(project))[0]!.replicas.map(r => r.containerId).sort();
    await kill(pid);
    await command.says(/Services go on; it is started again/);
    const revived = await until(
      () => `another control plane answers; it wrote\n${command.stderr()}`,
      async () => {
        const status = await outrigger.controlPlane().catch(() => null);
        return status !== null && status.pid !== pid ? status : null;
      },
    );
    t.not(revived.pid, pid);
    t.deepEqual((await outrigger.services(project))[0]!.replicas.map(r => r.containerId).sort(), before);
    command.child.kill('SIGINT');
    await command.ended;
    await until(
      () => `nothing is left; it wrote\n${command.stderr()}`,
      async () => (await outrigger.left()).containers.length === 0,
    );
    t.is((await command.ended).status, 130);
  });
}

test.serial(
  'Ctrl-C with a control plane that was killed that moment removes what was created all the same',
  async t => {
    t.timeout(120_000);
    const { outrigger, command, pid } = await waiting(t, 'killed-interrupted', 'up', '-d');
    process.kill(pid, 'SIGKILL');
    command.child.kill('SIGINT');
    await isOver(t, outrigger, command, 130);
  },
);

test.serial('a timeout with a control plane that cannot answer removes what was created all the same', async t => {
  t.timeout(120_000);
  const { outrigger, command, pid } = await waiting(t, 'killed-late', 'up', '-d', '--wait-timeout', '20');
  await kill(pid);
  await isOver(t, outrigger, command, 1);
});

for (const args of [['up'], ['up', '-d']]) {
  test.serial(`${args.join(' ')} that is interrupted the moment its services are accepted leaves nothing`, async t => {
    t.timeout(120_000);
    const outrigger = await OutriggerCommand.open();
    t.teardown(() => outrigger.dispose());
    await outrigger.write('compose.yaml', file(`accepted-${args.length}`));
    // Another project keeps the control plane, which is asked for what is left.
    await outrigger.write('kept.yaml', file('kept').replace(/ +x-outrigger: .*/, ''));
    await outrigger.must('up', '-d', '-f', 'kept.yaml');
    const log = path.join(outrigger.folder, 'state', 'control-plane.log');
    const accepted = async () => (await readFile(log, 'utf8')).split('service.applied').length;
    for (let round = 0; round < 4; round++) {
      const before = await accepted();
      const command = outrigger.start(...args);
      await until('it is accepted', async () => (await accepted()) > before, { pauseMs: 1 });
      command.child.kill('SIGINT');
      const { status, stderr } = await command.ended;
      t.is(status, 130, stderr);
      t.deepEqual(await outrigger.services(`accepted-${args.length}`), [], stderr);
    }
  });
}
