import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves once GET / on port 8080 of the host is answered with 200. Rejects after 30 s. */
export async function untilAnswering(host: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await answers(host))) {
    signal.throwIfAborted();
    if (performance.now() > deadline) throw new Error(`${host}:8080 does not answer after 30 s`);
    await sleep(5, undefined, { signal });
  }
}

function answers(host: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port: 8080, timeout: 1_000 });
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
    socket.on('connect', () => socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`));
    socket.once('data', (chunk: Buffer) => {
      resolve(chunk.toString('latin1').includes(' 200 '));
      socket.destroy();
    });
  });
}
