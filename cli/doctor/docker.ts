import { existsSync } from 'node:fs';
import { EngineClient } from '../../control-plane/engine/docker/engine-client.ts';
import {
  type DockerConnection,
  describeConnection,
  resolveConnection,
} from '../../control-plane/engine/docker/index.ts';
import type { EngineIdentity } from '../../control-plane/nodes/engine-claims.ts';
import { type Finding, failure } from './check.ts';
import { checkDevices, type DevicesCheck, type EngineDevices } from './devices.ts';
import { diskFinding } from './disk.ts';

const OLDEST_API = '1.41';
/** Lists its CDI devices. */
const DISCOVERY_API = '1.50';
const CLOCK_WARN_MS = 2_000;
const CLOCK_FAIL_MS = 60_000;

interface Version {
  readonly Version: string;
  readonly ApiVersion: string;
}

interface Info extends EngineDevices {
  readonly SystemTime?: string;
  readonly DockerRootDir?: string;
  readonly OSType?: string;
  readonly ID?: string;
  readonly Name?: string;
}

/** The engine that is used without a nodes file: reachable, allowed, new enough; its GPUs, its clock, and its disk. */
export async function checkDocker(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<readonly Finding[]> {
  const connection = await resolveConnection({ environment });
  const address = describeConnection(connection);
  const start = `Start Docker, or point DOCKER_HOST to where it runs (now ${address}).`;
  return checkEngine(connection, signal, {
    names: { node: 'local', engine: 'docker', gpu: 'gpu', clock: 'clock', disk: 'docker disk' },
    next: { notRunning: start, otherwise: start },
    environment,
  });
}

export interface EngineCheck {
  /** By which the findings are shown. */
  readonly names: {
    readonly node: string;
    readonly engine: string;
    readonly gpu: string;
    readonly clock: string;
    readonly disk: string;
  };
  /** Told which engine answered, where it says so. */
  readonly onIdentity?: (identity: EngineIdentity) => void;
  /** What to do where the engine of this machine does not run, and where its error does not say. */
  readonly next: { readonly notRunning: string; readonly otherwise: string };
  readonly environment: NodeJS.ProcessEnv;
  /** What the nodes file says of its devices. */
  readonly devices?: DevicesCheck;
}

/** One engine: reached, new enough, its GPUs, its clock, its disk. */
export async function checkEngine(
  connection: DockerConnection,
  signal: AbortSignal,
  { names, next, environment, devices, onIdentity }: EngineCheck,
): Promise<readonly Finding[]> {
  const client = new EngineClient(connection);
  const address = describeConnection(connection);
  try {
    let version: Version;
    try {
      version = await client.get<Version>({ doing: 'asking the engine for its version', path: '/version', signal });
    } catch (error) {
      const finding = failure(names.engine, error, next.otherwise);
      const isNotRunning = connection.kind === 'unix' && finding.message.startsWith('Docker is not running');
      return [isNotRunning ? { ...finding, next: next.notRunning } : finding];
    }
    const sentMs = Date.now();
    const info = await client.get<Info>({ doing: 'asking the engine what it has', path: '/info', signal });
    const answeredMs = Date.now();
    if (info.ID !== undefined) onIdentity?.({ id: info.ID, hostName: info.Name ?? '' });
    const isLocal = connection.kind === 'unix';
    return [
      { ...engineFinding(version, info, address), name: names.engine },
      ...(await checkDevices(connection, signal, {
        info: { ...info, tellsDevices: !olderThan(version.ApiVersion, DISCOVERY_API) },
        node: names.node,
        name: names.gpu,
        environment,
        devices,
      })),
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
