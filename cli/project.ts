import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
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
  /** Services whose image is built from the file. */
  readonly builds: readonly string[];
}

/**
 * Reads the service file that options, environment and folder point to; only the named services and what they depend
 * on, where some are named. Rejects with `invalid_argument`, every mistake located, where the file is wrong.
 */
export async function loadProject(
  context: Context,
  options: ProjectOptions,
  names: readonly string[],
): Promise<Project> {
  const { formatLocated, loadServiceFile } = await import('../control-plane/compose/index.ts');
  const { cwd, signal } = context;
  const stdin = options.file?.includes('-') ? await text(process.stdin) : undefined;
  const result = await loadServiceFile({ ...composeOptions(context, options), services: names, stdin }, signal);
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
    builds: result.builds,
  };
}

/**
 * The project that a command without a service file of its own speaks of: `-p`, COMPOSE_PROJECT_NAME, otherwise what
 * Compose makes of the service file in this folder.
 */
export async function namespaceOf(context: Context, options: ProjectOptions): Promise<string> {
  const named = options.projectName ?? context.environment['COMPOSE_PROJECT_NAME'];
  if (named !== undefined && named !== '') return named;
  const [{ runConfig }, { parseCanonical }] = await Promise.all([
    import('../control-plane/compose/read.ts'),
    import('../control-plane/compose/canonical.ts'),
  ]);
  const read = await runConfig(composeOptions(context, options), [], context.signal);
  const name = read.exitCode === 0 ? parseCanonical(read.stdout)['name'] : undefined;
  if (typeof name === 'string' && name !== '') return name;
  const said = read.stderr.trim().split('\n').at(-1) ?? '';
  throw new OutriggerError('invalid_argument', `The project is not known: ${said || 'docker compose names none'}.`, {
    next: 'Give it with -p NAME, or run this where its service file is, or give the file with -f.',
  });
}

/** The folders that a project's relative paths start from: those of its files, and the one it is run in. */
export function projectFolders(context: Context, options: ProjectOptions): string[] {
  const files = (options.file ?? []).filter(file => file !== '-');
  const folders = [context.cwd, options.projectDirectory ?? '.', ...files.map(file => path.dirname(file))];
  return [...new Set(folders.map(folder => path.resolve(context.cwd, folder)))];
}

function composeOptions(context: Context, options: ProjectOptions) {
  return {
    files: options.file,
    projectName: options.projectName,
    profiles: options.profile,
    envFiles: options.envFile,
    projectDirectory: options.projectDirectory,
    cwd: context.cwd,
    environment: context.environment,
  };
}

/**
 * Builds images as `docker compose up` does, with the output of `docker compose build` on stderr: all with `build` true,
 * none with false, otherwise those that are missing.
 */
export async function buildImages(
  context: Context,
  options: ProjectOptions,
  project: Project,
  build: boolean | undefined,
): Promise<void> {
  if (build === false) return;
  const missing = build ? project.builds : await withoutImage(context, project);
  if (missing.length > 0) await runBuild(context, [...composeFlags(options), 'build', ...missing]);
}

async function withoutImage(context: Context, project: Project): Promise<readonly string[]> {
  const exists = (image: string) =>
    new Promise<boolean>(resolve => {
      const args = ['image', 'inspect', '--format', '{{.Id}}', image];
      execFile('docker', args, { env: context.environment, signal: context.signal }, error => resolve(error === null));
    });
  const found = await Promise.all(
    project.builds.map(async name => {
      const image = project.services.find(s => s.name === name)?.image;
      return image !== undefined && (await exists(image));
    }),
  );
  context.signal.throwIfAborted();
  return project.builds.filter((_, i) => !found[i]);
}

function composeFlags(options: ProjectOptions): string[] {
  const repeated = (flag: string, values: readonly string[] | undefined) =>
    (values ?? []).flatMap(value => [flag, value]);
  return [
    ...repeated('--file', options.file),
    ...(options.projectName === undefined ? [] : ['--project-name', options.projectName]),
    ...repeated('--profile', options.profile),
    ...repeated('--env-file', options.envFile),
    ...(options.projectDirectory === undefined ? [] : ['--project-directory', options.projectDirectory]),
  ];
}

function runBuild(context: Context, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('docker', ['compose', ...args], {
      cwd: context.cwd,
      env: context.environment,
      stdio: ['ignore', 2, 2],
      signal: context.signal,
      killSignal: 'SIGINT',
    });
    child.on('error', error => reject(context.signal.aborted ? context.signal.reason : error));
    child.on('exit', code => {
      if (code === 0) resolve();
      else if (context.signal.aborted) reject(context.signal.reason);
      else {
        reject(
          new OutriggerError('image_unavailable', `docker compose build ended with code ${code}.`, {
            next: 'See its output above.',
          }),
        );
      }
    });
  });
}
