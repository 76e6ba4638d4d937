import { spawn } from 'node:child_process';
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

/** Reads the service file that options, environment and folder point to; only the named services where some are named. */
export async function loadProject(
  context: Context,
  options: ProjectOptions,
  names: readonly string[],
): Promise<Project> {
  // @ts-expect-error until the folder is there
  const { loadServiceFile } = await import('../control-plane/compose/index.ts');
  return await loadServiceFile({ ...options, names, cwd: context.cwd, signal: context.signal });
}

/**
 * The project that a command without a service file of its own speaks of: `-p`, COMPOSE_PROJECT_NAME, otherwise what
 * Compose makes of the service file in this folder.
 */
export async function namespaceOf(context: Context, options: ProjectOptions): Promise<string> {
  const named = options.projectName ?? context.environment['COMPOSE_PROJECT_NAME'];
  if (named !== undefined && named !== '') return named;
  return (await loadProject(context, options, [])).namespace;
}

/** Builds images as `docker compose build` does, with its output on stderr. */
export async function buildImages(
  context: Context,
  options: ProjectOptions,
  project: Project,
  build: boolean | undefined,
): Promise<void> {
  if (build === false || project.builds.length === 0) return;
  await runCompose(context, [...composeFlags(options), 'build', ...project.builds]);
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

function runCompose(context: Context, args: readonly string[]): Promise<void> {
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
