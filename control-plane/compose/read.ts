import { type ComposeRun, runCompose } from './run-compose.ts';

/** Which files to read and how; every member means what it means to `docker compose`. */
export interface ComposeOptions {
  readonly files?: readonly string[] | undefined;
  readonly projectName?: string | undefined;
  readonly profiles?: readonly string[] | undefined;
  readonly envFiles?: readonly string[] | undefined;
  readonly projectDirectory?: string | undefined;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The file's text, where `files` has "-". */
  readonly stdin?: string | undefined;
}

/**
 * Has Compose merge, interpolate and validate the files: `docker compose config`. Interpolation and normalisation stay
 * on: the compiler relies on long forms and absolute paths. Image digests are not locked, which would ask registries.
 * With service names, the result holds only those and what they depend on.
 */
export function runConfig(
  options: ComposeOptions,
  services: readonly string[],
  signal: AbortSignal,
): Promise<ComposeRun> {
  const args = [...globalArguments(options), 'config', '--format', 'yaml', '--', ...services];
  return runCompose(args, options, signal);
}

/**
 * Compose's reading of the chosen services, and of the whole file where some are chosen: whether the file names Outrigger
 * as a provider is seen in the whole of it.
 */
export async function askCompose(
  options: ComposeOptions,
  services: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly run: ComposeRun; readonly whole: ComposeRun | undefined }> {
  const [run, whole] = await Promise.all([
    runConfig(options, services, signal),
    services.length > 0 ? runConfig(options, [], signal) : undefined,
  ]);
  return { run, whole };
}

/** The plugin's version, such as `2.40.3`, or undefined where there is no plugin. */
export async function composeVersion(options: ComposeOptions, signal: AbortSignal): Promise<string | undefined> {
  const { exitCode, stdout } = await runCompose(['version', '--short'], options, signal);
  return exitCode === 0 ? /\d+\.\d+\.\d+/.exec(stdout)?.[0] : undefined;
}

/** The options as Compose takes them before its command. */
export function globalArguments(options: ComposeOptions): string[] {
  return [
    ...(options.files ?? []).flatMap(file => ['--file', file]),
    ...(options.projectName ? ['--project-name', options.projectName] : []),
    ...(options.profiles ?? []).flatMap(profile => ['--profile', profile]),
    ...(options.envFiles ?? []).flatMap(file => ['--env-file', file]),
    ...(options.projectDirectory ? ['--project-directory', options.projectDirectory] : []),
  ];
}
