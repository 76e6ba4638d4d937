import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { runCli, testFolder } from './run-cli.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

function run(
  file: string,
  args: readonly string[],
  cwd: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise(resolve => {
    execFile(file, args, { cwd }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test('the command of a clone works from any folder, through links, with spaces in its path', async t => {
  const folder = path.join(await testFolder(t), 'a folder');
  await mkdir(folder);
  await symlink(ROOT, path.join(folder, 'clone here'));
  await symlink(path.join('clone here', 'bin', 'outrigger'), path.join(folder, 'relative'));
  await symlink(path.join(folder, 'relative'), path.join(folder, 'absolute'));
  for (const name of ['relative', 'absolute', 'clone here/bin/outrigger']) {
    const { code, stdout, stderr } = await run(path.join(folder, name), ['--version'], folder);
    t.is(code, 0, stderr);
    t.regex(stdout, /^\d+\.\d+\.\d+\n$/, name);
  }
});

test('an old Node.js is told what is needed', async t => {
  const old = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.11.0'}})`;
  const main = path.join(ROOT, 'cli', 'main.ts');
  const { code, stdout, stderr } = await run(process.execPath, ['--import', old, main, '--help'], ROOT);
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^outrigger needs Node\.js 24 or newer; this is 20\.11\.0/);
});

test('doctor fails where Docker is not there, and says how to mend it', async t => {
  const state = await testFolder(t);
  const environment = {
    OUTRIGGER_STATE: state,
    DOCKER_HOST: `unix://${state}/none.sock`,
    CONSUL_HTTP_ADDR: '127.0.0.1:2',
  };
  const { code, stdout } = await runCli({ args: ['doctor', '--json'], environment });
  t.is(code, 1);
  const { ok, checks } = JSON.parse(stdout);
  t.false(ok);
  const byName = new Map<string, { status: string; next?: string }>(checks.map((c: { name: string }) => [c.name, c]));
  for (const name of ['docker', 'consul']) {
    t.is(byName.get(name)?.status, 'fail', name);
    t.truthy(byName.get(name)?.next);
  }
  for (const name of ['node', 'state folder', 'ports']) t.is(byName.get(name)?.status, 'ok', name);
  const shown = await runCli({ args: ['doctor'], environment });
  t.regex(shown.stdout, /^✘ docker .*\n +next: /m);
});

test('doctor refuses a state folder whose socket path would be too long', async t => {
  const state = path.join(await testFolder(t), 'x'.repeat(100));
  const { stdout } = await runCli({ args: ['doctor', '--json'], environment: { OUTRIGGER_STATE: state } });
  const check = JSON.parse(stdout).checks.find((c: { name: string }) => c.name === 'state folder');
  t.is(check.status, 'fail');
  t.regex(check.next, /--state/);
});
