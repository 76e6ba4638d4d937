import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { until } from '../../until.ts';
import { dockerProject, type Project } from './project.ts';

/** Answers on port 8080 with the value of ANSWER, and ends in order. */
const WEB = `
    image: BUSYBOX
    command:
      - sh
      - -c
      - trap 'echo farewell; exit 0' TERM; mkdir -p /tmp/w; echo $$ANSWER > /tmp/w/index.html; httpd -p 8080 -h /tmp/w; echo serving; while :; do sleep 0.1; done
    x-outrigger: {protocol: http, port: 8080, replicas: 2}
`;
const ONE_WEB = `services:\n  web:${WEB}    environment: {ANSWER: first}\n`;
/** Has a port that never opens, and ends with its last words. */
const BROKEN = `
    image: BUSYBOX
    command: ["sh", "-c", "echo loading weights; echo weights are missing >&2; exit 3"]
    x-outrigger: {protocol: tcp, port: 8080}
`;

test.serial(
  'up -d starts a file and leaves it running, resolve says where to call it, down takes everything away',
  async t => {
    const project = await dockerProject(t, ONE_WEB);
    const up = await project.cli('up', '-d');
    t.is(up.code, 0, up.stderr);
    t.regex(up.stderr, /ready in .*: web 2\/2\n$/);

    const { stdout } = await project.cli('resolve', '--plain', 'web');
    const addresses = stdout.trimEnd().split('\n');
    t.is(addresses.length, 2);
    for (const address of addresses) t.is(await (await fetch(`http://${address}/`)).text(), 'first\n');

    const ps = JSON.parse((await project.cli('ps', '--json')).stdout);
    t.like(ps.services[0], { name: 'web', state: 'ready', readyReplicas: 2 });
    const before = (await project.containers()).map(c => c.Id).sort();
    const again = await project.cli('up', '-d');
    t.regex(again.stderr, /web 2\/2 \(unchanged\)/);
    t.deepEqual((await project.containers()).map(c => c.Id).sort(), before);

    const down = await project.cli('down');
    t.is(down.code, 0, down.stderr);
    t.regex(down.stderr, /removed web in /);
    t.deepEqual(await project.containers(), []);
    t.regex((await project.cli('down')).stderr, /nothing runs in project/);
  },
);

test.serial('in the foreground up follows the logs, and Ctrl-C drains and removes what it runs', async t => {
  const project = await dockerProject(t, ONE_WEB);
  const up = project.start('up');
  await up.until('stdout', /serving\n(.*\n)*.*serving\n/);
  await up.until('stderr', 'following the logs');
  up.child.kill('SIGINT');
  const { code, stdout, stderr } = await up.ended;
  t.is(code, 130, stderr);
  t.regex(stdout, /^web-[a-z0-9]+ \| serving$/m);
  t.regex(stdout, /farewell/, 'what they write while they stop is shown');
  t.regex(stderr, /draining and removing web/);
  t.deepEqual(await project.containers(), []);
});

test.serial('a second Ctrl-C does not wait, and the control plane finishes the removal', async t => {
  const slow =
    'services:\n  slow:\n    image: BUSYBOX\n    command: ["sh", "-c", "trap : TERM; echo up; while :; do sleep 0.1; done"]\n    stop_grace_period: 4s\n';
  const project = await dockerProject(t, slow);
  const up = project.start('up');
  await up.until('stderr', 'following the logs');
  up.child.kill('SIGINT');
  await up.until('stderr', /stopping/);
  up.child.kill('SIGINT');
  const { code, stderr } = await up.ended;
  t.is(code, 130);
  t.regex(stderr, /goes on draining and removing/);
  t.is((await project.containers()).length, 1, 'its grace period is not cut short');
  const down = await project.cli('down');
  t.is(down.code, 0, down.stderr);
  t.deepEqual(await project.containers(), []);
});

test.serial('a service that fails is explained, and what up created is removed again', async t => {
  const project = await dockerProject(t, `services:\n  web:${WEB}  broken:${BROKEN}`);
  const { code, stderr } = await project.cli('up', '-d');
  t.is(code, 1);
  t.regex(stderr, /error: service "broken" failed: .*exited with code 3/);
  t.regex(stderr, /exit code: 3\n/);
  // Docker keeps no order between stdout and stderr.
  for (const line of ['loading weights', 'weights are missing']) t.regex(stderr, new RegExp(`^ +\\| ${line}$`, 'm'));
  t.regex(stderr, /next: /);
  t.regex(stderr, /removed (broken, web|web, broken) in /);
  t.deepEqual(await project.containers(), []);
});

test.serial('a failing update goes back to what ran before, and leaves other services alone', async t => {
  const project = await dockerProject(t, ONE_WEB);
  t.is((await project.cli('up', '-d')).code, 0);
  const before = (await project.containers()).map(c => c.Id).sort();
  await project.write(`services:\n  web:${BROKEN.replace('8080}', '8080, replicas: 2}')}  late:${WEB}`);
  const { code, stderr } = await project.cli('up', '-d');
  t.is(code, 1);
  t.regex(stderr, /service "web" went back to what ran before: exited with code 3/);
  t.regex(stderr, /removing what this command created: late\n/);
  const services = JSON.parse((await project.cli('ps', '--json')).stdout).services;
  t.deepEqual(
    services.map((s: { name: string }) => s.name),
    ['web'],
  );
  t.deepEqual(
    (await project.containers())
      .filter(c => c.State === 'running')
      .map(c => c.Id)
      .sort(),
    before,
  );
});

test.serial('a command that the image does not have is told as such', async t => {
  const project = await dockerProject(t, 'services:\n  a: {image: BUSYBOX, command: [/no/such]}\n');
  const { code, stderr } = await project.cli('up', '-d');
  t.is(code, 1);
  t.regex(stderr, /\/no\/such/);
  t.deepEqual(await project.containers(), []);
});

test.serial('a mistake in the file is located, and nothing is started for it', async t => {
  const project = await dockerProject(
    t,
    'services:\n  a:\n    image: BUSYBOX\n    x-outrigger:\n      protocl: grpc\n',
  );
  const { code, stderr } = await project.cli('up');
  t.is(code, 1);
  t.regex(
    stderr,
    /compose\.yaml:5:7: services\.a\.x-outrigger\.protocl: unknown key "protocl".* did you mean "protocol"\?/,
  );
  await t.throwsAsync(readFile(path.join(project.state, 'control-plane.log')), { code: 'ENOENT' });
});

test.serial('scale, restart, logs and inspect work on what runs', async t => {
  const project = await dockerProject(t, ONE_WEB);
  t.is((await project.cli('up', '-d', '--scale', 'web=1')).code, 0);
  t.is((await project.containers()).length, 1);
  const scaled = await project.cli('scale', 'web=3');
  t.is(scaled.code, 0, scaled.stderr);
  t.is((await project.containers()).length, 3);
  t.is((await project.cli('scale', 'web=1')).code, 0);
  const [before] = await project.containers();

  const restarted = await project.cli('restart', 'web');
  t.is(restarted.code, 0, restarted.stderr);
  const after = (await project.containers()).filter(c => c.State === 'running');
  t.is(after.length, 1);
  t.not(after[0]?.Id, before?.Id);

  t.regex((await project.cli('logs', '--no-log-prefix', 'web')).stdout, /^serving$/m);
  const inspected = JSON.parse((await project.cli('inspect', '--json', after[0]!.Id.slice(0, 12))).stdout);
  t.is(inspected.containerId, after[0]?.Id);
  t.deepEqual(inspected.timings.map((p: { phase: string }) => p.phase).slice(-2), ['starting', 'ready']);
});

test.serial('a control plane that was killed is started again by down, which finds its containers', async t => {
  const project = await dockerProject(t, ONE_WEB);
  t.is((await project.cli('up', '-d')).code, 0);
  const { controlPlane } = JSON.parse((await project.cli('version', '--json')).stdout);
  process.kill(controlPlane.pid, 'SIGKILL');
  t.is((await project.containers()).length, 2);
  const down = await project.cli('down');
  t.is(down.code, 0, down.stderr);
  t.deepEqual(await project.containers(), []);
});

test.serial('a control plane that cannot start says why, with the end of its log', async t => {
  const project = await dockerProject(t, ONE_WEB);
  const { writeFile, mkdir } = await import('node:fs/promises');
  await mkdir(project.state, { mode: 0o700 });
  await writeFile(path.join(project.state, 'state.db'), 'this is no state file, and long enough to be looked at');
  const { code, stderr } = await project.cli('up', '-d');
  t.is(code, 1);
  t.regex(stderr, /error: The control plane could not be started in the background: it ended with code 1\./);
  t.regex(stderr, /\| error: .*state\.db/);
  t.deepEqual(await project.containers(), []);
  const doctor = await project.cli('doctor', '--json');
  t.is(doctor.code, 1);
  const check = JSON.parse(doctor.stdout).checks.find((c: { name: string }) => c.name === 'state file');
  t.is(check.status, 'fail');
  t.truthy(check.next);
});

test.serial('a reader that goes away while up waits ends it, and what it created is removed', async t => {
  const never = WEB.replace('httpd -p 8080 -h /tmp/w', 'true');
  const project = await dockerProject(t, `services:\n  never:${never}`);
  const up = project.start('up', '--json');
  await up.until('stdout', '"phase":"starting"');
  up.child.stdout.destroy();
  // The next change is what it fails to write: this one, or another that came before it and took the service away.
  const { code: scaled, stderr: refusal } = await project.cli('scale', '--no-wait', 'never=3');
  if (scaled !== 0) t.regex(refusal, /never/);
  const { code, stderr } = await up.ended;
  t.is(code, 0, stderr);
  t.notRegex(stderr, /following/);
  t.deepEqual(await project.containers(), []);
});

test.serial(
  'an up in the foreground starts its control plane again when that was killed; the containers stay',
  async t => {
    const project = await dockerProject(t, ONE_WEB);
    const up = project.start('up');
    await up.until('stderr', 'following the logs');
    const before = (await project.containers()).map(c => c.Id).sort();
    const { controlPlane } = JSON.parse((await project.cli('version', '--json')).stdout);
    process.kill(controlPlane.pid, 'SIGKILL');
    await up.until('stderr', 'the control plane answers again');
    t.deepEqual((await project.containers()).map(c => c.Id).sort(), before);
    t.is(JSON.parse((await project.cli('ps', '--json')).stdout).services[0].readyReplicas, 2);
    up.child.kill('SIGINT');
    t.is((await up.ended).code, 130);
    t.deepEqual(await project.containers(), []);
  },
);

test.serial('a service without a port that ends right away is a failure too', async t => {
  const project = await dockerProject(
    t,
    'services:\n  a: {image: BUSYBOX, command: [sh, -c, "echo nothing to do; exit 3"]}\n',
  );
  const { code, stderr } = await project.cli('up', '-d');
  t.is(code, 1);
  t.regex(stderr, /service "a" failed: exited with code 3/);
  t.regex(stderr, /\| nothing to do/);
  t.deepEqual(await project.containers(), []);
});

test.serial('what does not become ready in time is shown with its last lines before it is removed', async t => {
  const deaf =
    'services:\n  deaf:\n    image: BUSYBOX\n    command: [sh, -c, "echo still loading; trap exit TERM; while :; do sleep 0.1; done"]\n    x-outrigger: {protocol: tcp, port: 8080}\n';
  const project = await dockerProject(t, deaf);
  const { code, stderr } = await project.cli('up', '-d', '--wait-timeout', '3s');
  t.is(code, 1);
  t.regex(
    stderr,
    /not ready within 3 s: deaf\n(.*\n)* {2}\| still loading\n(.*\n)*removing what this command created: deaf/,
  );

  const up = project.start('up', '-d');
  await up.until('stderr', /deaf \w+ {2}starting/);
  await logsUntil(project, 'still loading');
  up.child.kill('SIGINT');
  const interrupted = await up.ended;
  t.is(interrupted.code, 130);
  t.regex(interrupted.stderr, / {2}\| still loading\n(.*\n)*removing what this command created: deaf/);
  t.deepEqual(await project.containers(), []);
});

test.serial('Ctrl-C during an update says that the update goes on', async t => {
  const project = await dockerProject(t, ONE_WEB);
  t.is((await project.cli('up', '-d')).code, 0);
  await project.write(ONE_WEB.replace('httpd -p 8080 -h /tmp/w', 'true').replace('first', 'second'));
  const up = project.start('up');
  await up.until('stderr', /web \w+ {2}starting/);
  up.child.kill('SIGINT');
  const { code, stderr } = await up.ended;
  t.is(code, 130);
  t.regex(stderr, /the update of web goes on; see "outrigger ps"\n$/);
});

/** Resolves once some replica has written this. */
async function logsUntil(project: Project, text: string): Promise<void> {
  await until(
    () => `some replica writes ${text}`,
    async () => (await project.cli('logs')).stdout.includes(text),
  );
}
