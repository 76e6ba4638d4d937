import { isIP } from 'node:net';
import type { DockerConnection } from '../engine/docker/index.ts';
import { sshSettings } from '../engine/docker/ssh-settings.ts';
import type { NodeProfile } from '../ports.ts';

/** The host that the engine is on, as other programs can reach it. */
export async function addressOf(connection: DockerConnection): Promise<string> {
  switch (connection.kind) {
    case 'unix':
      return '127.0.0.1';
    case 'tcp':
      return connection.host;
    case 'ssh':
      return (await sshSettings(connection)).host;
    default:
      return connection satisfies never;
  }
}

/** What the user's own ssh proves with who it is that speaks to the engine. */
export async function secretFilesOf(connection: DockerConnection): Promise<readonly string[]> {
  return connection.kind === 'ssh' ? (await sshSettings(connection)).secretFiles : [];
}

/** The address under which it is reached is one of its own, unless that is a name or behind a translation. */
export function defaultPublishOn({ reach, address }: NodeProfile, ofThisMachine?: string): string | undefined {
  if (reach === 'containers') return ofThisMachine;
  return isIP(address) === 0 ? '0.0.0.0' : address;
}
