import { isMapping } from '../written-files/is-mapping.ts';
import type { Located } from '../written-files/problem.ts';
import { parseCanonical } from './canonical.ts';
import type { Only } from './compile.ts';
import { explainFailure } from './compose-failure.ts';
import { locateWarning, readComposeLog } from './compose-log.ts';
import type { ServiceFileOptions, ServiceFileResult } from './load-service-file.ts';
import { loadSources } from './load-sources.ts';
import { checkPlugin } from './plugin-check.ts';
import { askCompose } from './read.ts';
import { readVariables } from './read-variables.ts';
import { rehearse } from './rehearse.ts';
import type { Sources } from './sources.ts';

/**
 * What `loadServiceFile` promises, of local files that were found. `asked` is Compose's answer, where it was asked
 * already; otherwise it is once the files have turned out to be such that it may be. Who asked already needs the text of
 * the files only to say where something stands in them, so it is read when there is something to say.
 */
export async function compileServiceFile(
  options: ServiceFileOptions,
  { files, asked }: { readonly files: readonly string[]; readonly asked: ReturnType<typeof askCompose> | undefined },
  signal: AbortSignal,
): Promise<ServiceFileResult> {
  let loading: Promise<Sources> | undefined;
  const sources = () => {
    loading ??= loadSources(files, { stdin: options.stdin, signal });
    return loading;
  };
  if (asked === undefined) await sources();
  const services = options.services ?? [];
  // The compiler takes about as long to load and to build its schemas as Compose takes to read, so that happens meanwhile.
  const [{ run, whole }, { compile, providedServices }] = await Promise.all([
    asked ?? askCompose(options, services, signal),
    readyToCompile(),
  ]);
  const log = readComposeLog(run.stderr);
  const warnings: Located[] = [];
  for (const message of log.warnings) warnings.push(locateWarning(message, await sources()));
  if (run.exitCode !== 0) {
    await checkPlugin(options, signal);
    const { writtenMistakes } = await import('./written-mistakes.ts');
    const texts = await sources();
    return { kind: 'invalid', errors: [...explainFailure(log.rest, texts), ...writtenMistakes(texts)], warnings };
  }

  const model = parseCanonical(run.stdout);
  const provided = providedServices(whole?.exitCode === 0 ? parseCanonical(whole.stdout) : model);
  const only = options.only ?? (provided.length > 0 ? 'provider' : 'all');
  const compiled = compile(model, {
    only,
    environment: await readVariables(variablesOf(model), { ...options, files }, signal),
    separator: /^(1|true|yes)$/i.test(options.environment['COMPOSE_COMPATIBILITY'] ?? '') ? '_' : '-',
  });
  warnings.push(...(await located(compiled.warnings, sources)));
  const errors = [...compiled.errors, ...unprovided(services, compiled.applications, only)];
  if (errors.length > 0) return { kind: 'invalid', errors: await located(errors, sources), warnings };
  return {
    kind: 'compiled',
    project: compiled.project,
    specs: compiled.specs,
    builds: compiled.builds,
    applications: compiled.applications,
    warnings,
    // What Compose was asked about at once leads to no other files.
    files: loading ? (await loading).all.map(source => source.file) : files,
    ownFiles: files,
    locate: async (keyPath, message) => {
      const texts = await sources();
      return texts.locate({ keyPath: texts.parseIndexedKeyPath(keyPath), message });
    },
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

async function located(problems: readonly Located[], sources: () => Promise<Sources>): Promise<Located[]> {
  if (problems.length === 0) return [];
  const texts = await sources();
  return problems.map(problem => texts.locate(problem));
}

/** The environment variables that secrets and configs of the model name. */
function variablesOf(model: Readonly<Record<string, unknown>>): string[] {
  const names = ['secrets', 'configs'].flatMap(kind => {
    const members = isMapping(model[kind]) ? Object.values(model[kind]) : [];
    return members.flatMap(member => (isMapping(member) ? (member['environment'] ?? []) : []));
  });
  return [...new Set(names.filter(name => typeof name === 'string'))];
}

async function readyToCompile(): Promise<typeof import('./compile.ts')> {
  const compiler = await import('./compile.ts');
  rehearse(compiler.compile);
  return compiler;
}
