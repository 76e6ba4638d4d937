import { existsSync } from 'node:fs';
import { EngineClient } from '../../control-plane/engine/docker/engine-client.ts';
import {
  type DockerConnection,
  describeConnection,
  resolveConnection,
} from '../../control-plane/engine/docker/index.ts';
import { type Finding, failure } from './check.ts';
import { diskFinding } from './disk.ts';

const OLDEST_API = '1.41';
const CLOCK_WARN_MS = 2_000;
const CLOCK_FAIL_MS = 60_000;

interface Version {
  readonly Version: string;
  readonly ApiVersion: string;
}

interface Info {
  readonly SystemTime?: string;
  readonly DockerRootDir?: string;
  readonly OSType?: string;
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
  readonly DiscoveredDevices?: readonly { readonly Source: string; readonly ID: string }[] | null;
}

/** The engine that is used without a nodes file: reachable, allowed, new enough; its GPUs, its clock, and its disk. */
export async function checkDocker(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<readonly Finding[]> {
  const connection = await resolveConnection({ environment });
  const address = describeConnection(connection);
  return checkEngine(connection, signal, {
    names: { engine: 'docker', gpu: 'gpu', clock: 'clock', disk: 'docker disk' },
    next: `Start Docker, or point DOCKER_HOST to where it runs (now ${address}).`,
  });
}

/** One engine, under the names that the findings are shown by. */
export async function checkEngine(
  connection: DockerConnection,
  signal: AbortSignal,
  { names, next }: { names: { engine: string; gpu: string; clock: string; disk: string }; next: string },
): Promise<readonly Finding[]> {
  const client = new EngineClient(connection);
  const address = describeConnection(connection);
  try {
    let version: Version;
    try {
      version = await client.get<Version>({ doing: 'asking the engine for its version', path: '/version', signal });
    } catch (error) {
      return [failure(names.engine, error, next)];
    }
    const sentMs = Date.now();
    const info = await client.get<Info>({ doing: 'asking the engine what it has', path: '/info', signal });
    const answeredMs = Date.now();
    const isLocal = connection.kind === 'unix';
    return [
      { ...engineFinding(version, info, address), name: names.engine },
      { ...gpuFinding(info, isLocal), name: names.gpu },
      ...(info.SystemTime
        ? [{ ...clockFinding(Date.parse(info.SystemTime), sentMs, answeredMs), name: names.clock }]
        : []),
      ...(isLocal && info.DockerRootDir && existsSync(info.DockerRootDir)
        ? [await diskFinding(names.disk, info.DockerRootDir, { warnBytes: 5 * 1024 ** 3, failBytes: 512 * 1024 ** 2 })]
        : []),
    ];
  } finally {
    client.close();
  }
}

function engineFinding(version: Version, info: Info, address: string): Finding {
  const message = `Docker Engine ${version.Version} (API ${version.ApiVersion}) at ${address}`;
  if (info.OSType !== undefined && info.OSType !== 'linux') {
    const next = 'Switch the engine to Linux containers.';
    return { name: 'docker', status: 'fail', message: `${message} runs ${info.OSType} containers`, next };
  }
  if (olderThan(version.ApiVersion, OLDEST_API)) {
    const next = `Install Docker Engine 20.10 (API ${OLDEST_API}) or newer.`;
    return { name: 'docker', status: 'fail', message: `${message} is too old`, next };
  }
  return { name: 'docker', status: 'ok', message };
}

function gpuFinding(info: Info, isLocal: boolean): Finding {
  const name = 'gpu';
  const cdi = (info.DiscoveredDevices ?? []).filter(d => d.Source === 'cdi').map(d => d.ID);
  const nvidia = Object.keys(info.Runtimes ?? {}).some(runtime => runtime.startsWith('nvidia'));
  if (cdi.length > 0)
    return {
      name,
      status: 'ok',
      message: `the engine knows ${cdi.length} CDI device names: ${cdi.slice(0, 4).join(', ')}${cdi.length > 4 ? ', …' : ''}`,
    };
  if (nvidia) return { name, status: 'ok', message: 'the engine has the NVIDIA runtime' };
  if (isLocal && existsSync('/proc/driver/nvidia/version')) {
    return {
      name,
      status: 'warn',
      message: 'this machine has an NVIDIA driver, but the engine cannot give its GPUs to containers',
      next: 'Install nvidia-container-toolkit, run "sudo nvidia-ctk runtime configure --runtime=docker", restart Docker.',
    };
  }
  return { name, status: 'info', message: 'no GPU here; services that ask for one stay pending' };
}

/** The engine's clock against ours, by the middle of the question's way. */
function clockFinding(engineMs: number, sentMs: number, answeredMs: number): Finding {
  const offMs = engineMs - (sentMs + answeredMs) / 2;
  const uncertainMs = (answeredMs - sentMs) / 2;
  const offByMs = Math.max(0, Math.abs(offMs) - uncertainMs);
  const message = `the engine's clock and this machine's differ by ${(offByMs / 1_000).toFixed(1)} s`;
  if (offByMs < CLOCK_WARN_MS) return { name: 'clock', status: 'ok', message };
  const next = 'Let both keep time by NTP (timedatectl set-ntp true); --since and ages of logs are off until then.';
  return { name: 'clock', status: offByMs < CLOCK_FAIL_MS ? 'warn' : 'fail', message, next };
}

/** Compares versions of numbers and dots. */
export function olderThan(version: string, than: string): boolean {
  const left = version.split('.').map(Number);
  const right = than.split('.').map(Number);
  for (let i = 0; i < right.length; i++) {
    const difference = (left[i] ?? 0) - right[i]!;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
