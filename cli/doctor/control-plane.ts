import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { StatusView } from '../../control-plane/views/views.ts';
import { DEFAULT_PORT, formatAddress } from '../address.ts';
import type { ControlClient } from '../control-client.ts';
import { isUnreachable } from '../http-exchange.ts';
import { type Finding, failure } from './check.ts';

/** The control plane that commands here would speak to. */
export async function checkControlPlane(
  client: ControlClient,
  signal: AbortSignal,
): Promise<{ findings: readonly Finding[]; status: StatusView | null }> {
  const name = 'control plane';
  const where = formatAddress(client.address);
  try {
    const status = await client.status(signal, 5_000);
    const message = `version ${status.version} answers at ${where} (process ${status.pid}, ${status.services} service${status.services === 1 ? '' : 's'})`;
    const registry: Finding = status.registry.healthy
      ? { name: 'registry', status: 'ok', message: `${status.registry.kind}` }
      : {
          name: 'registry',
          status: 'warn',
          message: `${status.registry.kind} is not healthy: ${status.registry.message ?? 'no reason given'}`,
          next: 'Clients keep the last good endpoints; mend the registry and they are published again.',
        };
    const own: Finding =
      status.trouble === undefined
        ? { name, status: 'ok', message }
        : {
            name,
            status: 'fail',
            message: `${message}, but cannot carry anything on: ${status.trouble}`,
            next: 'Mend that; it goes on by itself, and what runs is left as it is meanwhile.',
          };
    return { findings: [own, registry], status };
  } catch (error) {
    if (!isUnreachable(error)) return { findings: [failure(name, error)], status: null };
    const { reason } = error.details;
    if (reason === 'EACCES' || client.address.kind === 'tcp') return { findings: [failure(name, error)], status: null };
    const stale = existsSync(client.address.path);
    const message = stale
      ? `none answers at ${where}, though its socket is there: one was killed; "up" or "serve" takes over from it`
      : `none runs at ${where}; "up" starts one when it is needed`;
    return { findings: [{ name, status: 'ok', message }], status: null };
  }
}

/** Ports on loopback can be opened, and whether the usual one for the API is free. */
export async function checkPorts(isServing: boolean): Promise<readonly Finding[]> {
  const name = 'ports';
  const any = await tryListen(0);
  if (any !== null) {
    const next = 'Bring up the loopback interface (ip link set lo up), and allow this user to listen on it.';
    return [{ name, status: 'fail', message: `no port on 127.0.0.1 can be opened (${any})`, next }];
  }
  const usual = await tryListen(DEFAULT_PORT);
  if (usual === null || isServing) return [{ name, status: 'ok', message: 'ports on 127.0.0.1 can be opened' }];
  return [
    {
      name,
      status: 'warn',
      message: `port ${DEFAULT_PORT} on 127.0.0.1 is taken (${usual})`,
      next: 'Only matters for "serve --listen": give it another port.',
    },
  ];
}

function tryListen(port: number): Promise<string | null> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(null)));
  });
}
