import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { startApi } from '../../control-plane/api/index.ts';
import { asRoot } from '../as-root.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { send, serve } from './served.ts';

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-socket-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const start = (socket: string) =>
  startApi({ controlPlane: new FakeControlPlane(), listen: [{ kind: 'unix', path: socket }] });

test('the socket can be opened by its owner alone, in a folder of its own', async t => {
  const umask = process.umask(0o000);
  t.teardown(() => process.umask(umask));
  const { socket } = await serve(t);
  t.is((await stat(socket)).mode & 0o777, 0o600);
  t.is((await stat(path.dirname(socket))).mode & 0o777, 0o700);
  t.is(process.umask(), 0o000, 'the umask is as it was');
});

test('the socket is gone once the API closed', async t => {
  const socket = path.join(await folderOf(t), 'control.sock');
  const api = await start(socket);
  t.deepEqual(api.addresses, [`unix://${socket}`]);
  await api.close(AbortSignal.abort());
  await t.throwsAsync(stat(socket), { code: 'ENOENT' });
});

test('the socket of a process that was killed is replaced', async t => {
  const socket = path.join(await folderOf(t), 'control.sock');
  const code = `require('net').createServer().listen(${JSON.stringify(socket)}, () => console.log('listens'))`;
  const killed = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(killed.stdout, 'data');
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  t.true((await stat(socket)).isSocket());
  const api = await start(socket);
  await api.close(AbortSignal.abort());
  t.is((await folderMode(socket)) & 0o777, 0o700);
});

test('a socket that somebody answers on is a conflict, and keeps answering', async t => {
  const served = await serve(t);
  const error = await t.throwsAsync(start(served.socket));
  t.like(error, { code: 'conflict', retryable: false });
  t.true(error.message.includes(served.socket));
  t.is((await served.request('GET', '/healthz')).status, 200);
  t.is((await stat(served.socket)).mode & 0o777, 0o600);
});

test('a file that is no socket is left alone', async t => {
  const socket = path.join(await folderOf(t), 'control.sock');
  await writeFile(socket, 'precious');
  t.like(await t.throwsAsync(start(socket)), { code: 'conflict' });
  t.is((await stat(socket)).size, 8);
});

test('a folder that others may write to is refused', async t => {
  const folder = path.join(await folderOf(t), 'open');
  await mkdir(folder);
  await chmod(folder, 0o777);
  const error = await t.throwsAsync(start(path.join(folder, 'control.sock')));
  t.like(error, { code: 'denied', next: `chmod 700 ${folder}` });
});

test('a path that is too long for a socket is refused in words', async t => {
  const socket = path.join(await folderOf(t), 'x'.repeat(100), 'control.sock');
  t.like(await t.throwsAsync(start(socket)), { code: 'invalid_argument' });
});

asRoot('another user cannot connect', async t => {
  const { socket } = await serve(t);
  // The folder opened up, so that the socket's own mode is what refuses.
  for (const folder of [path.dirname(socket), path.dirname(path.dirname(socket))]) await chmod(folder, 0o755);
  const code = `require('net').connect(${JSON.stringify(socket)}).on('error', e => console.log(e.code)).on('connect', () => { console.log('connected'); process.exit(); })`;
  const { stdout } = await promisify(execFile)('node', ['-e', code], { uid: 65_534, gid: 65_534, cwd: '/' });
  t.is(stdout.trim(), 'EACCES');
});

test('a port that is in use is named, and nothing else stays open', async t => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.teardown(() => holder.close());
  const { port } = holder.address() as { port: number };
  const socket = path.join(await folderOf(t), 'control.sock');
  const listen = [
    { kind: 'unix', path: socket },
    { kind: 'tcp', host: '127.0.0.1', port },
  ] as const;
  const error = await t.throwsAsync(startApi({ controlPlane: new FakeControlPlane(), listen }));
  t.like(error, { code: 'port_in_use' });
  t.true(error.message.includes(`127.0.0.1:${port}`));
  await t.throwsAsync(stat(socket), { code: 'ENOENT' });
});

test('the unix socket and TCP serve the same control plane', async t => {
  const socket = path.join(await folderOf(t), 'control.sock');
  const listen = [
    { kind: 'unix', path: socket },
    { kind: 'tcp', host: '127.0.0.1', port: 0 },
  ] as const;
  const served = await serve(t, { listen });
  const { Agent } = await import('undici');
  const http = new Agent();
  t.teardown(() => http.destroy());
  t.is((await send(http, `http://${served.api.addresses[1]}`, 'GET', '/v1/status')).json.instance, 'fake');
});

async function folderMode(socket: string): Promise<number> {
  return (await stat(path.dirname(socket))).mode;
}
