import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';

/**
 * A port of this machine that answers no request for a connection, as a host that vanished answers none: its process is
 * stopped, and the two connections that Linux makes without it are taken.
 */
export async function silentPort(t: ExecutionContext): Promise<number> {
  const program = `const server = require('node:net').createServer();
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => console.log(server.address().port));`;
  const owner: ChildProcess = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    owner.kill('SIGKILL');
  });
  const [line] = await once(owner.stdout!, 'data');
  const port = Number(String(line));
  owner.kill('SIGSTOP');
  for (let i = 0; i < 2; i++) {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
  }
  return port;
}
