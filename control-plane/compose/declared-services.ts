import { type ComposeOptions, runConfig } from './read.ts';

/**
 * The names of all services that the service file has, those of every profile included; null where Compose cannot read
 * it so. Nothing is compiled.
 * @throws OutriggerError as loadServiceFile, where Compose cannot be run
 */
export async function declaredServices(
  options: ComposeOptions,
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  const everything = { ...options, profiles: ['*'] };
  const [run, { parseCanonical }] = await Promise.all([runConfig(everything, [], signal), import('./canonical.ts')]);
  if (run.exitCode !== 0) return null;
  const services = parseCanonical(run.stdout)['services'];
  return typeof services === 'object' && services !== null ? Object.keys(services) : [];
}
