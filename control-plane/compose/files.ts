import { Buffer } from 'node:buffer';
import type { Mount, ServiceSpecInput } from '../core/spec.ts';
import { nearestKey } from '../written-files/nearest-key.ts';
import type { Fields } from './fields.ts';
import type { Project } from './project.ts';

type File = NonNullable<ServiceSpecInput['files']>[number];

/**
 * `secrets` and `configs` as files in the container. One that is backed by a file on the host is mounted, read-only, as
 * Compose does; one that comes from the environment or stands in the file itself is written before the container starts.
 */
export function files(service: Fields, project: Project): { mounts: Mount[]; files: File[] } {
  const result: { mounts: Mount[]; files: File[] } = { mounts: [], files: [] };
  for (const kind of ['secrets', 'configs'] as const) {
    for (const reference of service.list(kind)) {
      const source = reference.text('source') ?? '';
      const target = targetOf(kind, source, reference.text('target'));
      const owner = {
        uid: ownerId(reference, 'uid'),
        gid: ownerId(reference, 'gid'),
        mode: fileMode(reference),
      };
      reference.end();
      const declared = project[kind].get(source);
      if (!declared) {
        const known = [...project[kind].keys()];
        reference.findings.error(reference.path, `there is no "${source}" under ${kind}`, nearestKey(source, known));
        continue;
      }
      const content = readDeclared(kind, declared, project);
      if (content === undefined) continue;
      if ('path' in content) {
        result.mounts.push({ kind: 'bind', source: content.path, target, readOnly: true, createHostPath: false });
        for (const [key, value] of Object.entries(owner)) {
          if (value === undefined) continue;
          reference.findings.warn(reference.at(key), 'ignored: the file is mounted with the owner and mode it has');
        }
        continue;
      }
      const contentBase64 = Buffer.from(content.text, 'utf8').toString('base64');
      result.files.push({ target, contentBase64, ...owner, secret: kind === 'secrets' });
    }
  }
  return result;
}

function targetOf(kind: 'secrets' | 'configs', source: string, target: string | undefined): string {
  if (target?.startsWith('/')) return target;
  return kind === 'secrets' ? `/run/secrets/${target || source}` : `/${target || source}`;
}

function readDeclared(
  kind: 'secrets' | 'configs',
  declared: Fields,
  project: Project,
): { path: string } | { text: string } | undefined {
  declared.take('name');
  const path = declared.text('file');
  const variable = declared.text('environment');
  const text = declared.text('content');
  const what = kind === 'secrets' ? 'a secret' : 'a config';
  const sources = `expected ${what} from ${kind === 'configs' ? 'content, a file' : 'a file'} or the environment`;
  if (declared.flag('external')) {
    declared.findings.error(declared.at('external'), `${sources}; external ones only exist in Swarm`);
    return undefined;
  }
  declared.refuse('driver', `${sources}; drivers only exist in Swarm`);
  declared.refuse('driver_opts', `${sources}; drivers only exist in Swarm`);
  declared.refuse('template_driver', 'Outrigger does not expand templates in files');
  declared.ignore('labels', 'files have no labels');
  declared.end();
  if (path !== undefined) return { path };
  if (text !== undefined) return { text };
  if (variable !== undefined) {
    const value = project.environment.get(variable);
    if (value !== undefined) return { text: value };
    declared.findings.error(
      declared.at('environment'),
      `expected the environment variable "${variable}" to be set, here or in .env; found it unset`,
    );
    return undefined;
  }
  declared.findings.error(declared.path, `${sources}, found none of them`);
  return undefined;
}

function ownerId(reference: Fields, key: 'uid' | 'gid'): number | undefined {
  const text = reference.text(key);
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  reference.findings.error(reference.at(key), `expected a number, found "${text}"`);
  return undefined;
}

function fileMode(reference: Fields): number | undefined {
  const text = reference.text('mode');
  if (text === undefined || text === '') return undefined;
  if (/^0?[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  reference.findings.error(reference.at('mode'), `expected an octal mode such as "0440", found "${text}"`);
  return undefined;
}
