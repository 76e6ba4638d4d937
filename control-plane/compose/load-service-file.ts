import { OutriggerError } from '../core/errors.ts';
import type { ServiceSpec } from '../core/spec.ts';
import { parseCanonical } from './canonical.ts';
import type { Only } from './compile.ts';
import { explainFailure } from './compose-failure.ts';
import { locateWarning, readComposeLog } from './compose-log.ts';
import { isMapping } from './fields.ts';
import { findFiles } from './find-files.ts';
import { loadSources } from './load-sources.ts';
import { checkPlugin } from './plugin-check.ts';
import type { Located } from './problem.ts';
import { type ComposeOptions, readVariables, runConfig } from './read.ts';
import type { Sources } from './sources.ts';

export interface ServiceFileOptions extends ComposeOptions {
  /** Only these services and what they depend on; all when empty. A profile of a named service is switched on. */
  readonly services?: readonly string[] | undefined;
  /** `provider`: only services that name Outrigger as their provider. Default: those if there are any, otherwise all. */
  readonly only?: Only | undefined;
}

export type ServiceFileResult =
  | {
      readonly kind: 'compiled';
      readonly project: string;
      /** In the order of Compose's output, which is by name. */
      readonly specs: readonly ServiceSpec[];
      /** Names of the services whose images Compose has to build first: `docker compose build` with these. */
      readonly builds: readonly string[];
      /** Names of the services that Outrigger leaves to Compose. */
      readonly applications: readonly string[];
      readonly warnings: readonly Located[];
      /** Absolute paths of the files read, as far as they are local. */
      readonly files: readonly string[];
      /** Where something stands in the files, for what is refused later. Key paths as in `services.a.volumes[0].source`. */
      readonly locate: (keyPath: string, message: string) => Located;
    }
  | { readonly kind: 'invalid'; readonly errors: readonly Located[]; readonly warnings: readonly Located[] };

/**
 * Reads a service file as Compose does and compiles it into ServiceSpecs. A file that is wrong is a result that says
 * where and why; it throws only where nothing could be read.
 * @throws OutriggerError `not_found` (no file, no such service), `unavailable` (no docker command or compose plugin),
 *   `unsupported` (plugin too old), `invalid_argument` (too large, too deep, bad project name), `timeout`
 */
export async function loadServiceFile(options: ServiceFileOptions, signal: AbortSignal): Promise<ServiceFileResult> {
  if (options.files?.includes('-') && options.stdin === undefined) {
    throw new OutriggerError('invalid_argument', 'the file "-" is standard input, and nothing was given there');
  }
  const files = findFiles(options);
  const sources = await loadSources(files, { stdin: options.stdin, signal });
  const services = options.services ?? [];
  // Whether the file names Outrigger as a provider is seen in the whole of it, not in the chosen part. The compiler's
  // schemas take about as long to load as Compose takes to read, so that happens meanwhile.
  const [run, whole, { compile, providedServices }] = await Promise.all([
    runConfig(options, services, signal),
    services.length > 0 ? runConfig(options, [], signal) : undefined,
    import('./compile.ts'),
  ]);
  const log = readComposeLog(run.stderr);
  const warnings = log.warnings.map(message => locateWarning(message, sources));
  if (run.exitCode !== 0) {
    await checkPlugin(options, signal);
    return { kind: 'invalid', errors: explainFailure(log.rest, sources), warnings };
  }

  const model = parseCanonical(run.stdout);
  const provided = providedServices(whole?.exitCode === 0 ? parseCanonical(whole.stdout) : model);
  const only = options.only ?? (provided.length > 0 ? 'provider' : 'all');
  const compiled = compile(model, {
    only,
    environment: await readVariables(variablesOf(model), { ...options, files }, signal),
    separator: /^(1|true|yes)$/i.test(options.environment['COMPOSE_COMPATIBILITY'] ?? '') ? '_' : '-',
  });
  warnings.push(...compiled.warnings.map(warning => sources.locate(warning)));
  const errors = [...compiled.errors, ...unprovided(services, compiled.applications, only)];
  if (errors.length > 0) return { kind: 'invalid', errors: located(errors, sources), warnings };
  return {
    kind: 'compiled',
    project: compiled.project,
    specs: compiled.specs,
    builds: compiled.builds,
    applications: compiled.applications,
    warnings,
    files: sources.all.map(source => source.file),
    locate: (keyPath, message) => sources.locate({ keyPath: sources.parseIndexedKeyPath(keyPath), message }),
  };
}

/** Who names a service on the command line expects it to run; an application would be left out in silence. */
function unprovided(services: readonly string[], applications: readonly string[], only: Only) {
  return services
    .filter(name => only === 'provider' && applications.includes(name))
    .map(name => ({
      keyPath: ['services', name],
      message:
        'Compose runs this service, because others of the file name Outrigger as their provider: use ' +
        `\`docker compose up ${name}\`, or write provider: {type: outrigger} into it too`,
    }));
}

function located(errors: readonly Located[], sources: Sources): Located[] {
  return errors.map(error => sources.locate(error));
}

/** The environment variables that secrets and configs of the model name. */
function variablesOf(model: Readonly<Record<string, unknown>>): string[] {
  const names = ['secrets', 'configs'].flatMap(kind => {
    const members = isMapping(model[kind]) ? Object.values(model[kind]) : [];
    return members.flatMap(member => (isMapping(member) ? (member['environment'] ?? []) : []));
  });
  return [...new Set(names.filter(name => typeof name === 'string'))];
}
