import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import test, { type ExecutionContext } from 'ava';
import type { OutriggerError } from '../../../control-plane/core/errors.ts';
import { DialGate } from '../../../control-plane/engine/docker/dial-gate.ts';
import type { SshConnection } from '../../../control-plane/engine/docker/ssh-address.ts';
import { SshDialer } from '../../../control-plane/engine/docker/ssh-dialer.ts';
import { SshSocket } from '../../../control-plane/engine/docker/ssh-socket.ts';
import { until } from '../../until.ts';

/** A connection whose `ssh` is this shell script. */
async function scripted(t: ExecutionContext, script: string): Promise<SshConnection & { readonly folder: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-ssh-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const program = path.join(folder, 'ssh');
  await writeFile(program, `#!/bin/sh\necho run >>'${folder}/runs'\n${script}\n`);
  await chmod(program, 0o755);
  return { kind: 'ssh', host: 'node', folder, environment: { PATH: `${folder}:${process.env['PATH']}` } };
}

const runs = ({ folder }: { folder: string }) =>
  readFile(path.join(folder, 'runs'), 'utf8').then(
    written => written.split('\n').length - 1,
    () => 0,
  );

test('what is written arrives whole, however slowly it is read, and the end of one side is the end of the other', async t => {
  const socket = new SshSocket(await scripted(t, 'exec cat'), () => {});
  const sent = randomBytes(8 * 1024 * 1024);
  const chunks = Array.from({ length: 128 }, (_, i) => sent.subarray(i * 65_536, (i + 1) * 65_536));
  socket.open();
  const writing = pipeline(Readable.from(chunks), socket).catch(() => {});
  const received = createHash('sha256');
  let bytes = 0;
  for await (const chunk of socket) {
    received.update(chunk);
    bytes += chunk.length;
    if (bytes === sent.length) socket.end();
  }
  await writing;
  t.is(bytes, sent.length);
  t.is(received.digest('hex'), createHash('sha256').update(sent).digest('hex'));
});

test('what is written before it is open is kept', async t => {
  const socket = new SshSocket(await scripted(t, 'exec cat'), () => {});
  socket.write('early, ');
  socket.write('and a bit later');
  socket.open();
  socket.end();
  t.is(await text(socket), 'early, and a bit later');
});

test('an ssh that ends well after it has said something is the end of the stream; all of it is read first', async t => {
  const socket = new SshSocket(await scripted(t, 'head -c 3000000 /dev/zero; exit 0'), () => {});
  socket.open();
  t.is((await buffer(socket)).length, 3_000_000);
});

test('one that breaks later is a connection that was reset, and says why', async t => {
  const socket = new SshSocket(
    await scripted(t, 'echo hello; echo "Connection reset by peer" >&2; exit 255'),
    () => {},
  );
  socket.open();
  const error = (await t.throwsAsync(text(socket))) as NodeJS.ErrnoException;
  t.is(error.code, 'ECONNRESET');
  t.regex(error.message, /Connection reset by peer/);
});

test('an stderr that somebody else holds open delays no verdict', async t => {
  const script =
    'sleep 600 >/dev/null </dev/null & echo $! >"$(dirname "$0")/sleeper"; echo "Permission denied (publickey)." >&2; exit 255';
  const connection = await scripted(t, script);
  const socket = new SshSocket(connection, () => {});
  socket.open();
  const error = (await t.throwsAsync(text(socket))) as unknown as OutriggerError;
  process.kill(Number(await readFile(path.join(connection.folder, 'sleeper'), 'utf8')));
  t.regex(error.message, /does not let us in/);
});

test('an ssh that cannot even be started is an error of the connection, and of nothing else', async t => {
  const connection = { ...(await scripted(t, 'exec cat')), socketPath: '/run/\0.sock' };
  for (const socket of [new SshSocket(connection, () => {}), new SshDialer(connection).dial()]) {
    socket.open();
    const error = (await t.throwsAsync(text(socket))) as unknown as OutriggerError;
    t.regex(error.message, /ssh could not be started/);
  }
  t.is(await runs(connection), 0);
});

test('a destroyed socket ends its ssh, one that ignores it as well', async t => {
  const connection = await scripted(t, 'trap "" TERM; echo $$ >"$(dirname "$0")/pid"; while :; do sleep 0.05; done');
  const socket = new SshSocket(connection, () => {});
  socket.open();
  const pid = await until('it runs', () => readFile(path.join(connection.folder, 'pid'), 'utf8').then(Number, () => 0));
  socket.destroy();
  await until('it is gone', () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
  t.true(socket.destroyed);
});

test('until one connection has come through they are opened one at a time, then four at a time', async t => {
  const connection = await scripted(t, 'cat');
  const dialer = new SshDialer(connection);
  const sockets = Array.from({ length: 8 }, () => dialer.dial());
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  await until('the first one runs', async () => (await runs(connection)) > 0);
  t.is(await runs(connection), 1);
  sockets[0]?.write('x');
  await until('four more run once it came through', async () => (await runs(connection)) > 4);
  t.is(await runs(connection), 5);
  for (const socket of sockets.slice(1)) socket.write('x');
  await until('all run', async () => (await runs(connection)) === 8);
});

/** `count` dialers of one gate, to machines that say nothing until something is said to them. */
async function throughOneGate(t: ExecutionContext, count: number, gate: DialGate) {
  const connection = await scripted(t, 'cat');
  const sockets = Array.from({ length: count }, () => new SshDialer(connection, gate).dial());
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  const running = async (wanted: number) => {
    await until(
      () => `${wanted} run`,
      async () => (await runs(connection)) >= wanted,
    );
    return runs(connection);
  };
  return { sockets, running };
}

test('over all nodes only so many begin at once; those that came through and those that ended count no more', async t => {
  const { sockets, running } = await throughOneGate(t, 10, new DialGate({ atOnce: 3, heldMs: 600_000 }));
  t.is(await running(3), 3);
  sockets[0]?.write('x');
  t.is(await running(4), 4, 'one came through, and lives on');
  sockets[1]?.destroy();
  t.is(await running(5), 5, 'one was given up');
  sockets[9]?.destroy();
  for (const socket of sockets.slice(2, 9)) socket.write('x');
  t.is(await running(9), 9, 'one that was given up while it waited never began');
});

test('machines that say nothing keep the others waiting only for a while', async t => {
  const { running } = await throughOneGate(t, 6, new DialGate({ atOnce: 2, heldMs: 20 }));
  t.is(await running(6), 6);
});

test('machines that failed last have half of the places, and come after the others', t => {
  const gate = new DialGate({ atOnce: 4, heldMs: 600_000 });
  const begun: string[] = [];
  const enter = (name: string, after: 'hopeful' | 'failing') => gate.enter(after, () => begun.push(name));
  const [leave] = [enter('f1', 'failing'), enter('f2', 'failing'), enter('f3', 'failing')];
  t.deepEqual(begun, ['f1', 'f2']);
  const first = enter('h1', 'hopeful');
  enter('h2', 'hopeful');
  enter('h3', 'hopeful');
  t.deepEqual(begun, ['f1', 'f2', 'h1', 'h2']);
  leave?.();
  leave?.();
  t.deepEqual(begun.slice(4), ['h3'], 'the others first, and a place is given back once');
  first();
  t.deepEqual(begun.slice(5), ['f3']);
});

test('a refusal is everybody’s, and asked for again only later', async t => {
  const connection = await scripted(t, 'echo "ann@node: Permission denied (publickey)." >&2; exit 255');
  const dialer = new SshDialer(connection);
  const first = Array.from({ length: 5 }, () => text(dialer.dial()).catch((error: unknown) => error));
  for (const error of await Promise.all(first)) t.regex((error as Error).message, /does not let us in/);
  await t.throwsAsync(text(dialer.dial()), { message: /does not let us in/ });
  t.is(await runs(connection), 1);
});

test('a machine that is away is asked again at once', async t => {
  const connection = await scripted(t, 'echo "ssh: connect to host node port 22: Connection refused" >&2; exit 255');
  const dialer = new SshDialer(connection);
  for (let i = 0; i < 3; i += 1) await t.throwsAsync(text(dialer.dial()), { message: /cannot be reached/ });
  t.is(await runs(connection), 3);
});
