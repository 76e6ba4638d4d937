import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { buildImages, missingImages, projectName } from '../../control-plane/compose/index.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';

/** A folder that is the whole PATH, with programs of the given names; `said` is what they were called with. */
async function programs(t: ExecutionContext, scripts: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-programs-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const record = path.join(folder, 'said');
  for (const [name, script] of Object.entries(scripts)) {
    const file = path.join(folder, name);
    await writeFile(file, `#!/bin/sh\n${script.replaceAll('$RECORD', `'${record}'`)}\n`);
    await chmod(file, 0o755);
  }
  return { cwd: folder, environment: { PATH: folder }, said: () => readFile(record, 'utf8') };
}

const soon = () => AbortSignal.timeout(30_000);

test('images that the engine lacks are told from those it has', async t => {
  const at = await programs(t, { docker: '[ "$5" = here:1 ]' });
  t.deepEqual(await missingImages(['here:1', 'gone:1'], at, soon()), ['gone:1']);
});

test('an engine that hangs keeps nobody waiting, and says what to do', async t => {
  const at = await programs(t, { docker: 'exec /bin/sleep 3600' });
  const error = await t.throwsAsync(missingImages(['a:1', 'b:1'], { ...at, deadlineMs: 200 }, soon()), {
    instanceOf: OutriggerError,
  });
  t.like(error, { code: 'timeout', message: 'docker image inspect did not answer within 0.2 s' });
  t.regex(error?.next ?? '', /doctor/);
});

test('an interruption ends the question', async t => {
  const at = await programs(t, { docker: 'exec /bin/sleep 3600' });
  const stop = new AbortController();
  const reason = new Error('interrupted');
  const asked = missingImages(['a:1'], at, stop.signal);
  stop.abort(reason);
  t.is(await t.throwsAsync(asked), reason);
});

test('a build reads the same files as the rest, standard input included', async t => {
  const at = await programs(t, { docker: 'echo "$@" > $RECORD\nwhile read line; do echo "$line" >> $RECORD; done' });
  const options = {
    ...at,
    files: ['-'],
    projectName: 'p',
    envFiles: ['x.env'],
    profiles: ['gpu'],
    stdin: 'services:\n',
  };
  await buildImages(['web', 'api'], options, soon());
  t.is(
    await at.said(),
    'compose --file - --project-name p --profile gpu --env-file x.env build -- web api\nservices:\n',
  );
});

test('a build is done by docker-compose where there is no docker command', async t => {
  const at = await programs(t, { 'docker-compose': 'echo "$@" > $RECORD' });
  await buildImages(['web'], at, soon());
  t.is(await at.said(), 'build -- web\n');
});

test('a build that fails says so, and one that cannot begin says what is missing', async t => {
  const at = await programs(t, { docker: 'exit 17' });
  t.like(await t.throwsAsync(buildImages(['web'], at, soon())), {
    code: 'image_unavailable',
    message: 'docker compose build ended with code 17.',
  });
  const bare = await programs(t, {});
  t.like(await t.throwsAsync(buildImages(['web'], bare, soon())), { code: 'unavailable' });
});

test('the project is the given one, that of the environment, or what Compose says', async t => {
  const at = await programs(t, { docker: 'echo "name: from-compose"' });
  const named = (name: string) => ({ kind: 'named', name });
  t.deepEqual(await projectName({ ...at, projectName: 'given' }, soon()), named('given'));
  const environment = { ...at.environment, COMPOSE_PROJECT_NAME: 'set' };
  t.deepEqual(await projectName({ ...at, environment }, soon()), named('set'));
  t.deepEqual(await projectName(at, soon()), named('from-compose'));
  const silent = await programs(t, { docker: 'echo "no configuration file" >&2; exit 14' });
  t.deepEqual(await projectName(silent, soon()), { kind: 'unknown', reason: 'no configuration file' });
});
