import type { Mount } from '../core/spec.ts';
import { showValue } from '../written-files/show-value.ts';
import { parseSize } from '../written-files/size.ts';
import type { Fields } from './fields.ts';
import type { Project } from './project.ts';

/** `volumes` and `tmpfs` of a service. */
export function mounts(service: Fields, project: Project): Mount[] {
  const volumes = service.list('volumes').flatMap(volume => {
    const mount = readMount(volume, project);
    volume.end();
    return mount ?? [];
  });
  const tmpfs = (service.texts('tmpfs') ?? []).map((line, index) => readTmpfs(line, service, index));
  return [...volumes, ...tmpfs];
}

function readMount(volume: Fields, project: Project): Mount | undefined {
  const kind = volume.text('type');
  const target = volume.text('target') ?? '';
  const readOnly = volume.flag('read_only') ?? false;
  volume.ignore('consistency', 'it only matters to Docker Desktop on a Mac');
  switch (kind) {
    case 'bind': {
      const options = volume.fields('bind');
      const propagation = options?.text('propagation');
      if (propagation && propagation !== 'rprivate' && propagation !== 'private') {
        volume.findings.error([...volume.at('bind'), 'propagation'], `expected rprivate, found "${propagation}"`);
      }
      const createHostPath = options?.flag('create_host_path') ?? false;
      options?.refuse('selinux', 'Outrigger does not relabel files; label them on the host and remove it');
      const recursive = options?.text('recursive');
      if (recursive && recursive !== 'enabled') {
        volume.findings.error([...volume.at('bind'), 'recursive'], `expected enabled, found "${recursive}"`);
      }
      options?.end();
      return { kind, source: volume.text('source') ?? '', target, readOnly, createHostPath };
    }
    case 'volume': {
      const options = volume.fields('volume');
      const noCopy = options?.flag('nocopy') ?? false;
      options?.refuse('subpath', 'Outrigger mounts whole volumes only');
      options?.ignore('labels', 'Outrigger does not label volumes');
      options?.end();
      const key = volume.text('source');
      if (!key) return { kind, target, readOnly, noCopy, external: false };
      const declared = volumeOf(key, project);
      return { kind, name: declared.name, target, readOnly, noCopy, external: declared.external };
    }
    case 'tmpfs': {
      const options = volume.fields('tmpfs');
      const sizeBytes = options?.sizeBytes('size');
      const mode = options?.number('mode');
      options?.end();
      return { kind, target, ...(sizeBytes ? { sizeBytes } : {}), ...(mode === undefined ? {} : { mode }) };
    }
    default:
      volume.findings.error(volume.at('type'), `expected bind, volume or tmpfs, found ${showValue(kind)}`);
      for (const key of volume.keys()) volume.take(key);
      return undefined;
  }
}

function volumeOf(key: string, project: Project): { name: string; external: boolean } {
  const declared = project.volumes.get(key);
  const name = declared?.text('name') ?? `${project.name}_${key}`;
  const external = declared?.flag('external') ?? false;
  if (declared && !external) {
    const driver = declared.text('driver');
    const next = 'create the volume with `docker volume create` and declare it as external';
    if (driver && driver !== 'local')
      declared.findings.error(declared.at('driver'), `expected local, found "${driver}"; ${next}`);
    declared.refuse('driver_opts', `Outrigger passes no options to volume drivers; ${next}`);
    declared.ignore('labels', 'Outrigger labels volumes with its own labels only');
    declared.end();
  }
  return { name, external };
}

/** `/run:size=64m,mode=1777`. Docker's own defaults (noexec, nosuid, nodev) may be named. */
function readTmpfs(line: string, service: Fields, index: number): Mount {
  const [target = '', options = ''] = line.split(/:(.*)/s);
  const mount: { kind: 'tmpfs'; target: string; sizeBytes?: number; mode?: number } = { kind: 'tmpfs', target };
  for (const option of options.split(',').filter(Boolean)) {
    const [key, value = ''] = option.split('=');
    const sizeBytes = key === 'size' ? parseSize(value) : null;
    if (sizeBytes) mount.sizeBytes = sizeBytes;
    else if (key === 'mode' && /^[0-7]{1,5}$/.test(value)) mount.mode = Number.parseInt(value, 8);
    else if (!['rw', 'noexec', 'nosuid', 'nodev'].includes(option)) {
      const keyPath = [...service.at('tmpfs'), index];
      service.findings.error(keyPath, `expected size=..., mode=..., rw, noexec, nosuid or nodev, found "${option}"`);
    }
  }
  return mount;
}
