import type { ServiceSpec } from '../core/spec.ts';
import { Findings } from '../written-files/findings.ts';
import { isMapping } from '../written-files/is-mapping.ts';
import type { Problem } from '../written-files/problem.ts';
import { checkHostPorts } from './check-host-ports.ts';
import { compileService, isOutriggerProvider } from './compile-service.ts';
import { Fields, misplaced } from './fields.ts';
import type { Project } from './project.ts';

export type Only = 'provider' | 'all';

export interface Compiled {
  readonly project: string;
  readonly specs: readonly ServiceSpec[];
  /** Names of the services that Compose has to build first. */
  readonly builds: readonly string[];
  /** Services of the file that Outrigger does not run. */
  readonly applications: readonly string[];
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/**
 * The canonical Compose model as ServiceSpecs, in the order of the file. Never throws for anything that a file says:
 * what cannot be compiled is an error in the result.
 */
export function compile(
  model: Readonly<Record<string, unknown>>,
  options: {
    /** Default: `provider` where any service names Outrigger as its provider, otherwise `all`. */
    only?: Only | undefined;
    /** The values of environment variables that secrets and configs name. */
    environment: ReadonlyMap<string, string | undefined>;
    separator: '-' | '_';
  },
): Compiled {
  const findings = new Findings();
  const top = new Fields(model, [], findings);
  const project: Project = {
    name: top.text('name') ?? '',
    findings,
    networks: new Map(top.members('networks')),
    volumes: new Map(top.members('volumes')),
    secrets: new Map(top.members('secrets')),
    configs: new Map(top.members('configs')),
    environment: options.environment,
    separator: options.separator,
  };
  for (const key of top.keys()) misplaced(findings, top.at(key), key);

  const services = top.members('services');
  const provided = new Set(providedServices(model));
  const only = options.only ?? (provided.size > 0 ? 'provider' : 'all');
  const chosen = services.filter(([name]) => only === 'all' || provided.has(name));
  const selected = new Set(chosen.map(([name]) => name));

  const compiled = chosen.flatMap(([name, service]) => {
    const result = compileService(name, service, project, selected);
    return result ? [{ name, ...result }] : [];
  });
  checkHostPorts(
    compiled.map(service => service.spec),
    findings,
  );
  const applications = services.filter(([name]) => !selected.has(name));
  for (const [, application] of applications) warnUnused(application);
  return {
    project: project.name,
    specs: compiled.map(service => service.spec),
    builds: compiled.filter(service => service.build).map(service => service.name),
    applications: applications.map(([name]) => name),
    errors: findings.errors,
    warnings: findings.warnings,
  };
}

/** The services that name Outrigger as their provider. */
export function providedServices(model: Readonly<Record<string, unknown>>): string[] {
  const services = isMapping(model['services']) ? model['services'] : {};
  return Object.entries(services).flatMap(([name, service]) => {
    const provider = isMapping(service) ? service['provider'] : undefined;
    return isMapping(provider) && isOutriggerProvider(provider['type']) ? [name] : [];
  });
}

function warnUnused(application: Fields): void {
  if (!application.has('x-outrigger')) return;
  application.findings.warn(
    application.at('x-outrigger'),
    'has no effect, because Compose runs this service: other services of the file name Outrigger as their provider. ' +
      'Write provider: {type: outrigger} into this one too',
  );
}
