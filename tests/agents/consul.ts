import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { until } from '../until.ts';

/** A real Consul agent in development mode (its state is in memory), on loopback, with ports of its own. */
export interface ConsulAgent {
  readonly url: URL;
  /** Where it answers DNS: `address:port`. */
  readonly dns: string;
  /** As an operator would: the answer's JSON, or its text. */
  request(method: string, path: string, body?: unknown): Promise<unknown>;
  /** SIGKILL; all it knew is gone. */
  kill(): Promise<void>;
  /** Starts anew on the same ports, empty. */
  start(): Promise<void>;
  /** SIGSTOP: connections are accepted by the kernel, and nobody answers. */
  pause(): void;
  resume(): void;
}

/** The binary on PATH or where setup/ puts it; null where there is none. */
export function findConsul(): string | null {
  const candidates = [
    ...(process.env['PATH'] ?? '').split(path.delimiter),
    path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'outrigger', 'bin'),
  ].map(folder => path.join(folder, 'consul'));
  return candidates.find(file => existsSync(file) && spawnSync(file, ['version']).status === 0) ?? null;
}

/** With `hcl` as further configuration; `token` is what its operator, so this harness, sends. */
export async function startConsul(options: { hcl?: string; token?: string } = {}): Promise<ConsulAgent> {
  const found = findConsul();
  if (!found) throw new Error('no consul binary; make setup fetches it');
  const binary = found;
  const [http, dns, server, lan, wan] = (await freePorts(5)) as [number, number, number, number, number];
  const url = new URL(`http://127.0.0.1:${http}`);
  let child: ChildProcess | undefined;
  let output = '';
  const reap = () => child?.kill('SIGKILL');
  process.once('exit', reap);

  async function request(method: string, where: string, body?: unknown): Promise<unknown> {
    const response = await fetch(new URL(`/v1/${where}`, url), {
      method,
      headers: options.token ? { 'x-consul-token': options.token } : {},
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${text}`);
    return response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : text;
  }

  const agent: ConsulAgent = {
    url,
    dns: `127.0.0.1:${dns}`,
    request,
    async start() {
      const ports = [`-http-port=${http}`, `-dns-port=${dns}`, `-server-port=${server}`, '-grpc-port=-1'];
      const gossip = [`-serf-lan-port=${lan}`, `-serf-wan-port=${wan}`];
      const further = options.hcl ? ['-hcl', options.hcl] : [];
      child = spawn(binary, ['agent', '-dev', '-bind=127.0.0.1', '-client=127.0.0.1', ...ports, ...gossip, ...further]);
      output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', chunk => {
          output = (output + String(chunk)).slice(-8_000);
        });
      }
      const started = child;
      await until('the Consul agent leads', async () => {
        if (started.exitCode !== null) throw new Error(`the Consul agent ended at once:\n${output}`);
        const services = await request('GET', 'catalog/service/consul').catch(() => []);
        return Array.isArray(services) && services.length > 0;
      });
    },
    async kill() {
      const ending = child;
      if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
      const ended = new Promise(resolve => ending.once('exit', resolve));
      ending.kill('SIGKILL');
      await ended;
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
  };
  await agent.start();
  return agent;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map(server => (server.address() as { port: number }).port);
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  return ports;
}
