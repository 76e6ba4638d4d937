import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseCanonical } from './canonical.ts';
import { isMapping } from './fields.ts';
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

/** The plugin's version, such as `2.40.3`, or undefined where there is no plugin. */
export async function composeVersion(options: ComposeOptions, signal: AbortSignal): Promise<string | undefined> {
  const { exitCode, stdout } = await runCompose(['version', '--short'], options, signal);
  return exitCode === 0 ? /\d+\.\d+\.\d+/.exec(stdout)?.[0] : undefined;
}

/**
 * The values of environment variables as Compose sees them, `.env` files included: Compose itself is asked to
 * interpolate a small file beside the given ones. A variable that is not set is undefined.
 * @param files the files of the project, found beforehand where the user named none
 */
export async function readVariables(
  names: readonly string[],
  options: ComposeOptions & { files: readonly string[] },
  signal: AbortSignal,
): Promise<Map<string, string | undefined>> {
  const values = new Map(names.map(name => [name, options.environment[name]]));
  const asked = names.filter(name => values.get(name) === undefined && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (asked.length === 0 || options.files.length === 0) return values;
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-variables-'));
  try {
    const file = path.join(folder, 'variables.yaml');
    const members = asked.map(name => `  ${name}: {set: "\${${name}+set}", value: "\${${name}-}"}\n`);
    await writeFile(file, `x-outrigger-variables:\n${members.join('')}`);
    const { exitCode, stdout } = await runConfig({ ...options, files: [...options.files, file] }, [], signal);
    const answers = exitCode === 0 ? parseCanonical(stdout)['x-outrigger-variables'] : undefined;
    for (const name of asked) {
      const answer = isMapping(answers) ? answers[name] : undefined;
      if (isMapping(answer) && answer['set'] === 'set') values.set(name, String(answer['value'] ?? ''));
    }
    return values;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
