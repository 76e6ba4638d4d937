import { readFile } from 'node:fs/promises';
import type { Finding } from './check.ts';

/** The Consul agent that the environment names, where it names one: reachable, its cluster has a leader. */
export async function checkConsul(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<readonly Finding[]> {
  const configured = environment['CONSUL_HTTP_ADDR'];
  if (!configured) return [];
  const name = 'consul';
  const secure = ['1', 'true'].includes(environment['CONSUL_HTTP_SSL'] ?? '');
  const base = configured.includes('://') ? configured : `${secure ? 'https' : 'http'}://${configured}`;
  const tokenFile = environment['CONSUL_HTTP_TOKEN_FILE'];
  const token = environment['CONSUL_HTTP_TOKEN'] ?? (tokenFile ? (await readFile(tokenFile, 'utf8')).trim() : '');
  try {
    const url = new URL('/v1/status/leader', base);
    const response = await fetch(url, { signal, ...(token && { headers: { 'x-consul-token': token } }) });
    const leader = (await response.text()).replaceAll('"', '').trim();
    if (!response.ok) {
      const next = 'Check CONSUL_HTTP_TOKEN and the rights of that token.';
      return [{ name, status: 'fail', message: `${base} answers with HTTP ${response.status}`, next }];
    }
    if (leader === '') {
      const next = 'Look at its servers (consul operator raft list-peers); endpoints are kept meanwhile.';
      return [{ name, status: 'fail', message: `the agent at ${base} answers, but its cluster has no leader`, next }];
    }
    return [{ name, status: 'ok', message: `the agent at ${base} answers, leader ${leader}` }];
  } catch (error) {
    signal.throwIfAborted();
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    return [
      {
        name,
        status: 'fail',
        message: `no Consul agent answers at ${base} (${cause?.code ?? cause?.message ?? (error as Error).message})`,
        next: 'Start it, or correct or unset CONSUL_HTTP_ADDR.',
      },
    ];
  }
}
