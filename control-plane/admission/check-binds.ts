import path from 'node:path';
import type { ServiceSpec } from '../core/spec.ts';
import { credentialPlaces } from './credential-places.ts';
import type { AdmissionSurroundings, Denial } from './denial.ts';
import type { Disk } from './disk.ts';
import { isInside, touch } from './inside.ts';
import { seesProcesses, spotOf, spotsBelow, spotsTouch } from './mounts.ts';
import { OtherNames } from './other-names.ts';
import type { AdmissionPolicy } from './policy.ts';
import { wayTo } from './way-to.ts';

/** Folders and files of the host. Judged by where they really are, and by what they contain, not by how they are written. */
export async function checkBinds(
  spec: ServiceSpec,
  { allow }: AdmissionPolicy,
  surroundings: AdmissionSurroundings,
): Promise<Denial[]> {
  if (!spec.mounts.some(({ kind }) => kind === 'bind')) return [];
  const { disk } = surroundings;
  const [engine, credentials, hidden, roots, mounts] = await Promise.all([
    everyName(ENGINE_PATHS, disk),
    everyName(credentialPlaces(surroundings.home, surroundings.environment), disk),
    everyName(surroundings.hidden, disk),
    Promise.all(allow.bindRoots.map(root => reallyAt(root, disk))),
    disk.mounts(),
  ]);
  const spotted = (places: readonly string[]) => places.map(place => ({ place, spot: spotOf(place, mounts) }));
  const [ruling, secrets] = [spotted([...engine, ...hidden]), spotted(credentials)];
  const names = new OtherNames({ single: engine, whole: [...hidden, ...credentials] }, disk);
  const denials = await Promise.all(
    spec.mounts.map(async (mount, i): Promise<Denial[]> => {
      if (mount.kind !== 'bind') return [];
      const keyPath = `volumes[${i}].source`;
      const { source } = mount;
      if (!path.isAbsolute(source)) {
        return [{ keyPath, message: `"${source}" is relative`, next: 'Expected an absolute path on the node.' }];
      }
      const { by, dangling } = await wayTo(source, disk);
      const real = await reallyAt(source, disk);
      const places = [...by, real];
      const spots = spotsBelow(real, mounts);
      const touched = (all: typeof ruling) =>
        all.find(
          ({ place, spot }) =>
            places.some(own => touch(own, place)) || (spot !== null && spots.some(own => spotsTouch(own, spot))),
        )?.place;
      if (places.some(place => ENGINE_SOCKET.test(place)) || touched(ruling) !== undefined) {
        return [
          {
            keyPath,
            message: `${shown(source, real)} is or contains what controls the engine or the control plane; whoever has it is root on the node`,
            next: 'Bind only the folder or file beside it that the service needs. No policy allows this one.',
          },
        ];
      }
      if (places.some(place => isInside(place, '/proc')) || seesProcesses(real, mounts)) {
        return [
          {
            keyPath,
            message: `${shown(source, real)} is, contains or leads through /proc, where each process shows all the files that it sees`,
            next: 'Bind the folder or file itself that the service needs. No policy allows this one.',
          },
        ];
      }
      const secret = touched(secrets);
      if (secret !== undefined) {
        return [
          {
            keyPath,
            message: `${shown(source, real)} is or contains credentials (${secret})`,
            next: 'Bind only the folder that the service needs, or hand the one secret over with `secrets:`.',
          },
        ];
      }
      if (!roots.some(root => isInside(real, root))) {
        return [
          {
            keyPath,
            message: `${shown(source, real)} is outside the folders that may be bound (${allow.bindRoots.join(', ') || 'none'})`,
            next: `Use a named volume, or have the operator allow the folder: outrigger serve --allow-bind ${real}, or allow.bindRoots of the admission policy.`,
          },
        ];
      }
      if (dangling !== null) {
        return [
          {
            keyPath,
            message: `${source} leads through the link ${dangling}, which points to nothing`,
            next: 'Make what the link points to, or bind the folder or file itself.',
          },
        ];
      }
      const shared = await names.of(real);
      if (shared.kind !== 'nothing') {
        const what = shared.kind === 'file' ? `the same file as ${shared.place}` : 'one file under several names';
        return [
          {
            keyPath,
            message: `${shown(source, real)} is ${what} (a hard link), and that may be bound by no name`,
            next: 'Bind a copy of what the service needs.',
          },
        ];
      }
      return [];
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

const ENGINE_SOCKET = /(^|\/)(docker|containerd|podman|crio)\.sock$/;

/** The path as it is written and as it really is: a socket may lie behind a link (/var/run), and be bound by either name. */
async function everyName(paths: readonly string[], disk: Disk): Promise<string[]> {
  const names = await Promise.all(paths.map(async place => [path.resolve(place), await reallyAt(place, disk)]));
  return [...new Set(names.flat())];
}

/** Where a path really leads. Of what is not there yet, the part that is there counts: the engine makes the rest below it. */
async function reallyAt(place: string, { realpath }: Disk): Promise<string> {
  const normal = path.resolve(place);
  const missing: string[] = [];
  for (let present = normal; ; present = path.dirname(present)) {
    const real = await realpath(present);
    if (real !== null) return path.join(real, ...missing);
    if (present === path.dirname(present)) return normal;
    missing.unshift(path.basename(present));
  }
}

function shown(source: string, real: string): string {
  return real === path.resolve(source) ? source : `${source} (really ${real})`;
}
