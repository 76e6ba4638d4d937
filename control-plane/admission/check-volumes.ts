import path from 'node:path';
import type { ServiceSpec } from '../core/spec.ts';
import type { Denial } from './denial.ts';

/** Names and targets that the engine could take for something else than a volume or a file in the container. */
export function checkVolumes(spec: ServiceSpec): Denial[] {
  return [
    ...spec.mounts.flatMap((mount, i) => [
      ...(mount.kind === 'volume' && mount.name !== undefined ? checkName(mount.name, i) : []),
      ...checkTarget(mount.target, `volumes[${i}].target`),
    ]),
    ...spec.files.flatMap((file, i) => checkTarget(file.target, `files[${i}].target`)),
  ];
}

function checkName(name: string, index: number): Denial[] {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return [];
  return [
    {
      keyPath: `volumes[${index}].source`,
      message: `"${name}" is no name of a volume`,
      next: 'Expected letters, digits, "_", "." and "-"; for a folder of the host use a bind mount.',
    },
  ];
}

function checkTarget(target: string, keyPath: string): Denial[] {
  const normal = path.posix.normalize(target);
  if (target.startsWith('/') && normal !== '/' && !target.split('/').includes('..')) return [];
  return [
    {
      keyPath,
      message: `"${target}" is no place in the container`,
      next: 'Expected an absolute path below "/", without "..".',
    },
  ];
}
