import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { projectName } from '../control-plane/compose/index.ts';
import { OutriggerError } from '../control-plane/core/errors.ts';
import { isMapping } from '../control-plane/written-files/is-mapping.ts';
import type { Context } from './context.ts';
import type { Project } from './project.ts';

/**
 * Compose tells a provider the project's name, and not which files it reads. Where the files found in its stead name
 * another project, they are other files most likely, and a service of the same name in them another model.
 * @throws OutriggerError `invalid_argument` where the files, which nobody named, are of another project
 */
export async function requireSameProject(
  { environment, signal }: Pick<Context, 'environment' | 'signal'>,
  { namespace, ownFiles: files, source }: Pick<Project, 'namespace' | 'ownFiles' | 'source'>,
): Promise<void> {
  // Compose reads the same ones then.
  if (environment['COMPOSE_FILE']) return;
  // The name of an included file is none of the project's.
  const texts = await Promise.all(files.map(file => readFile(file, 'utf8')));
  const written = texts.flatMap(writtenName);
  // Compose is asked only where it is in doubt. Without a name, a project's folder names it, and -p any other way.
  if (written.length === 0 || written.every(name => name === namespace)) return;
  const { COMPOSE_PROJECT_NAME: _, ...rest } = environment;
  const own = await projectName({ ...source, projectName: undefined, environment: rest }, signal);
  if (own.kind === 'unknown' || own.name === namespace) return;
  throw new OutriggerError(
    'invalid_argument',
    `${files.join(', ')} ${files.length === 1 ? 'is' : 'are'} of the project ${own.name}, and docker compose runs ${namespace}`,
    {
      next:
        'Compose does not hand its -f on: set provider.options.file to the path of the file that it reads. ' +
        'Where this is that file, and the project is renamed by -p or COMPOSE_PROJECT_NAME, set it too.',
    },
  );
}

/**
 * Any way of writing it that YAML knows, and Compose with it: quoted, as JSON, by an alias or a merge, after a byte order
 * mark. What cannot be told is a name that is in doubt.
 */
function writtenName(text: string): unknown[] {
  try {
    const file: unknown = parseDocument(text, { merge: true, logLevel: 'silent' }).toJS({
      maxAliasCount: MOST_ALIASES,
    });
    return isMapping(file) && 'name' in file ? [file['name']] : [];
  } catch {
    return [undefined];
  }
}

/** Files that Compose reads have a few; beyond it, it is a small file that would become a large one. */
const MOST_ALIASES = 1_000;
