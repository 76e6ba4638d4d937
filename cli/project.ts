import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { ComposeOptions } from '../control-plane/compose/index.ts';
import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ServiceSpec } from '../control-plane/core/spec.ts';
import type { Context, ProjectOptions } from './context.ts';

/** A service file, read by Compose and compiled. */
export interface Project {
  readonly namespace: string;
  readonly services: readonly ServiceSpec[];
  readonly warnings: readonly string[];
  /** Where it comes from, for people. */
  readonly origin: string;
  /** Absolute paths of the files read, as far as they are local. */
  readonly files: readonly string[];
  /** Those of them that Compose was given or found; the others are included or extended by these. */
  readonly ownFiles: readonly string[];
  /** Services whose image is built from the file. */
  readonly builds: readonly string[];
  /** What is wrong at a key path (`services.a.volumes[0].source`), as a line with its place in the file. */
  readonly locate: (keyPath: string, message: string) => Promise<string>;
  /** How Compose reads it. */
  readonly source: ComposeOptions;
}

/**
 * Reads the service file that options, environment and folder point to; only the named services and what they depend
 * on, where some are named. Rejects with `invalid_argument`, every mistake located, where the file is wrong.
 * @param meanwhile called once Compose reads the file: for what need not wait for that
 */
export async function loadProject(
  context: Context,
  options: ProjectOptions,
  names: readonly string[],
  meanwhile?: () => void,
): Promise<Project> {
  const { formatLocated, loadServiceFile } = await import('../control-plane/compose/index.ts');
  const { cwd, signal } = context;
  const source = await composeOptions(context, options);
  const result = await loadServiceFile({ ...source, services: names, meanwhile }, signal);
  const warnings = result.warnings.map(warning => formatLocated(warning, { cwd }));
  if (result.kind === 'invalid') {
    for (const warning of warnings) context.err.line(`${context.err.style('yellow', 'warning:')} ${warning}`);
    const { errors } = result;
    const reasons = errors.map(error => formatLocated(error, { cwd }));
    const count = errors.length === 1 ? 'a mistake' : `${errors.length} mistakes`;
    throw new OutriggerError('invalid_argument', `The service file has ${count}:`, { details: { reasons, errors } });
  }
  return {
    namespace: result.project,
    services: result.specs,
    warnings,
    origin: result.files.length > 0 ? result.files.join(', ') : cwd,
    files: result.files,
    ownFiles: result.ownFiles,
    builds: result.builds,
    locate: async (keyPath, message) => formatLocated(await result.locate(keyPath, message), { cwd }),
    source,
  };
}

/**
 * The project that a command without a service file of its own speaks of: `-p`, COMPOSE_PROJECT_NAME, otherwise what
 * Compose makes of the service file in this folder.
 */
export async function namespaceOf(context: Context, options: ProjectOptions): Promise<string> {
  const named = options.projectName ?? context.environment['COMPOSE_PROJECT_NAME'];
  if (named !== undefined && named !== '') return named;
  // Loaded only where Compose has to be asked: reading YAML takes longer than most commands.
  const { projectName } = await import('../control-plane/compose/index.ts');
  const found = await projectName(await composeOptions(context, options), context.signal);
  if (found.kind === 'named') return found.name;
  throw new OutriggerError(
    'invalid_argument',
    `The project is not known: ${found.reason || 'docker compose names none'}.`,
    {
      next: 'Give it with -p NAME, or run this where its service file is, or give the file with -f.',
    },
  );
}

/** The folders that a project's relative paths start from: those of its files, and the one it is run in. */
export function projectFolders(context: Context, options: ProjectOptions): string[] {
  const files = (options.file ?? []).filter(file => file !== '-');
  const folders = [context.cwd, options.projectDirectory ?? '.', ...files.map(file => path.dirname(file))];
  return [...new Set(folders.map(folder => path.resolve(context.cwd, folder)))];
}

async function composeOptions(context: Context, options: ProjectOptions): Promise<ComposeOptions> {
  return {
    files: options.file,
    projectName: options.projectName,
    profiles: options.profile,
    envFiles: options.envFile,
    projectDirectory: options.projectDirectory,
    cwd: context.cwd,
    environment: context.environment,
    stdin: options.file?.includes('-') ? await text(process.stdin) : undefined,
  };
}

/**
 * Builds images as `docker compose up` does, with the output of `docker compose build` on stderr: all with `build` true,
 * none with false, otherwise those that are missing. Resolves with whether it had to look or build at all.
 */
export async function buildProject(context: Context, project: Project, build: boolean | undefined): Promise<boolean> {
  if (build === false || project.builds.length === 0) return false;
  const { buildImages, missingImages } = await import('../control-plane/compose/index.ts');
  const imageOf = (name: string) => project.services.find(s => s.name === name)?.image ?? '';
  const missing = build ? [] : await missingImages(project.builds.map(imageOf), context, context.signal);
  const names = build ? project.builds : project.builds.filter(name => missing.includes(imageOf(name)));
  if (names.length > 0) await buildImages(names, project.source, context.signal);
  return true;
}
