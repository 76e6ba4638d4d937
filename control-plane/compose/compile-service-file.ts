import { parseCanonical } from './canonical.ts';
import type { Only } from './compile.ts';
import { explainFailure } from './compose-failure.ts';
import { locateWarning, readComposeLog } from './compose-log.ts';
import { isMapping } from './fields.ts';
import type { ServiceFileOptions, ServiceFileResult } from './load-service-file.ts';
import { loadSources } from './load-sources.ts';
import { checkPlugin } from './plugin-check.ts';
import type { Located } from './problem.ts';
import { askCompose } from './read.ts';
import { readVariables } from './read-variables.ts';
import type { Sources } from './sources.ts';

/**
 * What `loadServiceFile` promises, of local files that were found. `asked` is Compose's answer, where it was asked
 * already; otherwise it is once the files have turned out to be such that it may be.
 */
export async function compileServiceFile(
  options: ServiceFileOptions,
  { files, asked }: { readonly files: readonly string[]; readonly asked: ReturnType<typeof askCompose> | undefined },
  signal: AbortSignal,
): Promise<ServiceFileResult> {
  const sources = await loadSources(files, { stdin: options.stdin, signal });
  const services = options.services ?? [];
  // The compiler's schemas take about as long to load as Compose takes to read, so that happens meanwhile.
  const [{ run, whole }, { compile, providedServices }] = await Promise.all([
    asked ?? askCompose(options, services, signal),
    import('./compile.ts'),
  ]);
  const log = readComposeLog(run.stderr);
  const warnings = log.warnings.map(message => locateWarning(message, sources));
  if (run.exitCode !== 0) {
    await checkPlugin(options, signal);
    const { writtenMistakes } = await import('./written-mistakes.ts');
    return { kind: 'invalid', errors: [...explainFailure(log.rest, sources), ...writtenMistakes(sources)], warnings };
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
