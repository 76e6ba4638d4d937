import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { runCommand } from './run-command.ts';

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly kernel: string;
  readonly node: string;
  readonly docker: string;
  readonly compose: string;
  readonly haproxy: string;
  readonly nginx: string;
  /** Of the minute before: a machine with other work to do shows here. */
  readonly loadAverage: number;
}

export async function describeMachine(signal: AbortSignal): Promise<Machine> {
  const first = async (command: string, ...args: string[]) =>
    (await runCommand('sh', ['-c', `${[command, ...args].join(' ')} 2>&1`], { signal })).trim().split('\n')[0] ?? '';
  const inProxies = (command: string) => first('docker run --rm outrigger-bench/proxies', command);
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: /^PRETTY_NAME="(.*)"$/m.exec(release)?.[1] ?? os.type(),
    kernel: os.release(),
    node: process.version,
    docker: await first('docker version --format', "'{{.Server.Version}}'"),
    compose: await first('docker compose version --short'),
    haproxy: /\d+\.\d+\.\d+/.exec(await inProxies('haproxy -v'))?.[0] ?? '',
    nginx: /\d+\.\d+\.\d+/.exec(await inProxies('nginx -v'))?.[0] ?? '',
    loadAverage: Math.round(os.loadavg()[0]! * 10) / 10,
  };
}
