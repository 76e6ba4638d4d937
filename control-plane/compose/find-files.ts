import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { ComposeOptions } from './read.ts';

const NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const OVERRIDES = [
  'compose.override.yaml',
  'compose.override.yml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/**
 * The local files that Compose reads for these options, as absolute paths ("-" for standard input). It only serves to say
 * where in which file something stands; what the files mean is Compose's own affair.
 */
export function findFiles(options: ComposeOptions): string[] {
  const start = path.resolve(options.cwd, options.projectDirectory ?? '.');
  const named = options.files?.length ? options.files : filesFromEnvironment(options, start);
  if (named) {
    return named
      .filter(file => !/^[a-z+]+:\/\/|^git@/.test(file))
      .map(file => (file === '-' ? file : path.resolve(options.cwd, file)));
  }
  for (let folder = start; ; folder = path.dirname(folder)) {
    const main = NAMES.map(name => path.join(folder, name)).find(existsSync);
    if (main) {
      const override = OVERRIDES.map(name => path.join(folder, name)).find(existsSync);
      return override ? [main, override] : [main];
    }
    if (path.dirname(folder) === folder) return [];
  }
}

/** COMPOSE_FILE, from the environment or from the `.env` file beside the project. */
function filesFromEnvironment(options: ComposeOptions, folder: string): string[] | undefined {
  const value = options.environment['COMPOSE_FILE'] || variableOfDotEnv(folder, 'COMPOSE_FILE');
  if (!value) return undefined;
  return value.split(options.environment['COMPOSE_PATH_SEPARATOR'] || path.delimiter).filter(Boolean);
}

function variableOfDotEnv(folder: string, name: string): string | undefined {
  try {
    const text = readFileSync(path.join(folder, '.env'), 'utf8');
    return new RegExp(`^${name}=["']?([^"'\\n#]*)`, 'm').exec(text)?.[1]?.trim();
  } catch {
    return undefined;
  }
}
