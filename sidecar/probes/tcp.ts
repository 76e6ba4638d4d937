import { connect, type Socket } from 'node:net';
import type { Clock } from '../../control-plane/ports.ts';
import { authorityOf, describeSocketError, failed, PASSED, type ProbeAddress, type ProbeResult } from './result.ts';

/**
 * Passes when a connection is accepted. Where the engine forwards a port, its proxy accepts before anybody listens in
 * the container and then hangs up, so there the connection must also stay open for a moment.
 */
export async function tcpProbe(address: ProbeAddress, clock: Clock, signal: AbortSignal): Promise<ProbeResult> {
  let socket: Socket | undefined;
  try {
    socket = await openSocket(address, signal);
    if (address.forwarded && (await hangsUp(socket, clock, signal))) {
      return failed(
        `TCP connection to ${authorityOf(address)}: accepted and closed at once; nothing listens behind it`,
      );
    }
    return PASSED;
  } catch (error) {
    return failed(`TCP connection to ${authorityOf(address)}: ${describeSocketError(error)}`);
  } finally {
    socket?.destroy();
  }
}

/** Resolves with a connected socket; the caller destroys it. Rejects with the socket's error or the signal's reason. */
export function openSocket(address: { host: string; port: number }, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    const settle = (outcome: () => void) => {
      signal.removeEventListener('abort', abort);
      socket.removeListener('connect', connected);
      socket.removeListener('error', fail);
      outcome();
    };
    const connected = () => settle(() => resolve(socket));
    const fail = (error: Error) => settle(() => reject(error));
    const abort = () =>
      settle(() => {
        socket.on('error', () => undefined);
        socket.destroy();
        reject(signal.reason);
      });
    socket.once('connect', connected);
    socket.once('error', fail);
    signal.addEventListener('abort', abort, { once: true });
  });
}

const STAYS_OPEN_MS = 100;
/** It is looked at in between: where this process itself stood still, time that passed proves nothing. */
const LOOKS = 5;

async function hangsUp(socket: Socket, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const done = new AbortController();
  const cancel = () => done.abort();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await Promise.race([
      new Promise<boolean>(resolve => {
        socket.once('data', () => resolve(false));
        for (const event of ['end', 'error', 'close']) socket.once(event, () => resolve(true));
      }),
      staysOpen(clock, done.signal),
    ]);
  } finally {
    signal.removeEventListener('abort', cancel);
    done.abort();
  }
}

async function staysOpen(clock: Clock, signal: AbortSignal): Promise<boolean> {
  for (let looks = 0; looks < LOOKS && !signal.aborted; looks += 1)
    await clock.sleep(STAYS_OPEN_MS / LOOKS, signal).catch(() => undefined);
  return false;
}
