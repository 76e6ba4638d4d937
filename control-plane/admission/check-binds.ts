import path from 'node:path';
import type { ServiceSpec } from '../core/spec.ts';
import { credentialPlaces } from './credential-places.ts';
import type { AdmissionSurroundings, Denial } from './denial.ts';
import type { AdmissionPolicy } from './policy.ts';

/** Folders and files of the host. Judged by where they really are, and by what they contain, not by how they are written. */
export async function checkBinds(
  spec: ServiceSpec,
  { allow }: AdmissionPolicy,
  surroundings: AdmissionSurroundings,
): Promise<Denial[]> {
  if (!spec.mounts.some(({ kind }) => kind === 'bind')) return [];
  const [sockets, credentials, hidden, roots] = await Promise.all([
    everyName(ENGINE_PATHS, surroundings),
    everyName(credentialPlaces(surroundings.home, surroundings.environment), surroundings),
    everyName(surroundings.hidden, surroundings),
    Promise.all(allow.bindRoots.map(root => reallyAt(root, surroundings))),
  ]);
  const denials = await Promise.all(
    spec.mounts.map(async (mount, i): Promise<Denial[]> => {
      if (mount.kind !== 'bind') return [];
      const keyPath = `volumes[${i}].source`;
      const { source } = mount;
      if (!path.isAbsolute(source)) {
        return [{ keyPath, message: `"${source}" is relative`, next: 'Expected an absolute path on the node.' }];
      }
      const real = await reallyAt(source, surroundings);
      const places = [path.normalize(source), real];
      if (
        places.some(
          place =>
            /(^|\/)(docker|containerd|podman|crio)\.sock$/.test(place) || touches(place, [...sockets, ...hidden]),
        )
      ) {
        return [
          {
            keyPath,
            message: `${shown(source, real)} is or contains what controls the engine or the control plane; whoever has it is root on the node`,
            next: 'Bind only the folder or file beside it that the service needs. No policy allows this one.',
          },
        ];
      }
      const secret = credentials.find(credential => places.some(place => touches(place, [credential])));
      if (secret !== undefined) {
        return [
          {
            keyPath,
            message: `${shown(source, real)} is or contains credentials (${secret})`,
            next: 'Bind only the folder that the service needs, or hand the one secret over with `secrets:`.',
          },
        ];
      }
      if (roots.some(root => isInside(real, root))) return [];
      return [
        {
          keyPath,
          message: `${shown(source, real)} is outside the folders that may be bound (${allow.bindRoots.join(', ') || 'none'})`,
          next: `Use a named volume, or have the operator allow the folder: outrigger serve --allow-bind ${real}, or allow.bindRoots of the admission policy.`,
        },
      ];
    }),
  );
  return denials.flat();
}

/** What controls the engine, or is a part of it: sockets and folders of Docker, containerd and their kin. */
const ENGINE_PATHS = [
  '/var/run/docker.sock',
  '/run/docker.sock',
  '/run/docker',
  '/run/containerd',
  '/run/podman',
  '/run/crio',
  '/var/lib/docker',
  '/var/lib/containerd',
  '/etc/docker',
];

/** The path as it is written and as it really is: a socket may lie behind a link (/var/run), and be bound by either name. */
async function everyName(paths: readonly string[], surroundings: AdmissionSurroundings): Promise<string[]> {
  const names = await Promise.all(paths.map(async place => [place, await reallyAt(place, surroundings)]));
  return [...new Set(names.flat())];
}

/** Where a path really leads. Of what is not there yet, the part that is there counts: the engine makes the rest below it. */
async function reallyAt(place: string, { realpath }: AdmissionSurroundings): Promise<string> {
  const normal = path.normalize(place);
  const missing: string[] = [];
  for (let present = normal; ; present = path.dirname(present)) {
    const real = await realpath(present);
    if (real !== null) return path.join(real, ...missing);
    if (present === path.dirname(present)) return normal;
    missing.unshift(path.basename(present));
  }
}

/** The place is one of them, is inside one, or contains one. */
function touches(place: string, others: readonly string[]): boolean {
  return others.some(other => isInside(place, other) || isInside(other, place));
}

function isInside(place: string, folder: string): boolean {
  const relative = path.relative(folder, place);
  return relative === '' || (!relative.startsWith(`..${path.sep}`) && relative !== '..' && !path.isAbsolute(relative));
}

function shown(source: string, real: string): string {
  return real === path.normalize(source) ? source : `${source} (really ${real})`;
}
