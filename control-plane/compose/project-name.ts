import { type ComposeOptions, runConfig } from './read.ts';

export type ProjectName =
  | { readonly kind: 'named'; readonly name: string }
  /** In Compose's own words, which may be none. */
  | { readonly kind: 'unknown'; readonly reason: string };

/**
 * The project that a command speaks of: the given name, COMPOSE_PROJECT_NAME, otherwise what Compose makes of the
 * service file that the options and the folder point to. A file is not compiled for it.
 * @throws OutriggerError as loadServiceFile, where Compose cannot be run
 */
export async function projectName(options: ComposeOptions, signal: AbortSignal): Promise<ProjectName> {
  const given = options.projectName ?? options.environment['COMPOSE_PROJECT_NAME'];
  if (given !== undefined && given !== '') return { kind: 'named', name: given };
  // Compose begins before the parser is loaded, which takes about as long.
  const [run, { parseCanonical }] = await Promise.all([runConfig(options, [], signal), import('./canonical.ts')]);
  const name = run.exitCode === 0 ? parseCanonical(run.stdout)['name'] : undefined;
  if (typeof name === 'string' && name !== '') return { kind: 'named', name };
  return { kind: 'unknown', reason: run.stderr.trim().split('\n').at(-1) ?? '' };
}
