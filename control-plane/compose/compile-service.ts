import { type ServiceSpec, type ServiceSpecInput, serviceSpec } from '../core/spec.ts';
import { explainIssues } from '../written-files/explain-issues.ts';
import { isMapping } from '../written-files/is-mapping.ts';
import { nearestKey } from '../written-files/nearest-key.ts';
import { containerFields } from './container-fields.ts';
import { dependsOn } from './depends-on.ts';
import { deployPlacement } from './deploy.ts';
import { type Fields, misplaced } from './fields.ts';
import { files } from './files.ts';
import { healthcheck } from './healthcheck.ts';
import { imageSource } from './image.ts';
import { logging } from './logging.ts';
import { mounts } from './mounts.ts';
import { networks } from './networks.ts';
import { warnNotYet } from './not-yet.ts';
import { withoutNvidiaRuntime } from './nvidia-runtime.ts';
import { publishedPorts, servicePort } from './ports.ts';
import { privileges } from './privileges.ts';
import { probes } from './probes.ts';
import type { Project } from './project.ts';
import { PROVIDER_OPTIONS } from './provider-options.ts';
import { readXOutrigger } from './read-x-outrigger.ts';
import { replicas } from './replicas.ts';
import { resources } from './resources.ts';
import { restart } from './restart.ts';
import { SERVICE_KEYS, serviceKeyRule } from './service-keys.ts';
import { specKeyPath } from './spec-key-path.ts';
import { update } from './update.ts';
import type { XOutrigger } from './x-outrigger.ts';

export interface CompiledService {
  readonly spec: ServiceSpec;
  readonly build: boolean;
}

/**
 * One service of the canonical Compose model as a ServiceSpec. What is wrong goes into the project's findings, and then
 * the result is undefined.
 * @param selected the services that Outrigger runs, for `depends_on`
 */
export function compileService(
  name: string,
  service: Fields,
  project: Project,
  selected: ReadonlySet<string>,
): CompiledService | undefined {
  const errorsBefore = project.findings.errors.length;
  const xKeyPath = service.at('x-outrigger');
  const x = readXOutrigger(service.take('x-outrigger'), xKeyPath, project.findings);
  refuseOtherProvider(service);

  const deploy = service.fields('deploy');
  const source = imageSource(service, name, project);
  const ports = publishedPorts(service);
  const wanted = replicas(service, deploy, x);
  const written = files(service, project);
  const input: ServiceSpecInput = {
    namespace: project.name,
    name,
    image: source?.image ?? '',
    pullPolicy: source?.pullPolicy,
    ...withoutNvidiaRuntime({ ...containerFields(service), ...privileges(service) }),
    mounts: [...mounts(service, project), ...written.mounts],
    files: written.files,
    networks: networks(service, name, project),
    ports,
    healthcheck: healthcheck(service),
    logging: logging(service),
    protocol: x.protocol,
    ...servicePort(service, ports, x),
    scope: x.scope,
    resources: resources(service, deploy, x.gpu),
    replicas: wanted,
    warmup: warmup(x),
    drain: { timeoutMs: x.drain?.timeout },
    update: update(service, deploy, { x, ports, maxReplicas: wanted?.max ?? 1 }),
    restart: restart(service, deploy),
    idleTimeoutMs: x.idle_timeout,
    dependsOn: dependsOn(service, selected),
    placement: deployPlacement(deploy),
    priority: x.priority,
  };
  applyRules(service);
  checkTogether(service, x, input);
  warnNotYet(service, x, wanted);
  if (project.findings.errors.length > errorsBefore) return undefined;

  const bare = parseSpec(input, service, project);
  if (!bare) return undefined;
  const spec = x.probes
    ? parseSpec(
        { ...input, probes: probes(x.probes, bare, { keyPath: [...xKeyPath, 'probes'], findings: project.findings }) },
        service,
        project,
      )
    : bare;
  if (!spec || project.findings.errors.length > errorsBefore) return undefined;
  return { spec, build: source?.build ?? false };
}

/** What was not compiled is ignored with a warning or refused, as the table of keys says. */
function applyRules(service: Fields): void {
  for (const key of service.unread()) {
    if (key.startsWith('x-')) {
      misplaced(service.findings, service.at(key), key);
      if (nearestKey(key, ['x-outrigger'])) {
        service.findings.warn(service.at(key), "this key is nobody's, and has no effect", 'x-outrigger');
      }
      continue;
    }
    const rule = serviceKeyRule(key);
    switch (rule?.kind) {
      case 'ignored':
        service.ignore(key, rule.why);
        break;
      case 'refused':
        service.refuse(key, `Outrigger does not support "${key}": ${rule.why}`);
        break;
      case 'resolved':
        break;
      // A key that says "compiled" and was not read is a mistake of ours; refusing it is still better than silence.
      case 'compiled':
      case undefined:
        service.findings.error(
          service.at(key),
          `Outrigger does not know the service key "${key}"`,
          nearestKey(key, Object.keys(SERVICE_KEYS)),
        );
        break;
      default:
        rule satisfies never;
    }
  }
}

/** What only makes sense, or no sense, in view of two keys together. */
function checkTogether(service: Fields, x: XOutrigger, input: ServiceSpecInput): void {
  const max = input.replicas?.max ?? 1;
  const fixed = input.ports?.find(port => (port.hostPort ?? 0) > 0);
  if (fixed && max > 1) {
    service.findings.error(
      service.at('ports'),
      `expected no host port, because ${max} replicas cannot all publish ${fixed.hostPort}; leave the host port out`,
    );
  }
  if (x.warmup && x.warmup.http.port === undefined && input.port === undefined) {
    service.findings.error(
      [...service.at('x-outrigger'), 'warmup', 'http'],
      'expected a port here or under x-outrigger.port, found none',
    );
  }
}

function warmup(x: XOutrigger): ServiceSpecInput['warmup'] {
  return x.warmup && { http: x.warmup.http, deadlineMs: x.warmup.timeout };
}

/** Only Compose can run a service of another provider; ours has the options that it has. */
function refuseOtherProvider(service: Fields): void {
  const provider = service.fields('provider');
  if (!provider) return;
  const type = provider.text('type') ?? '';
  const options = provider.fields('options');
  provider.end();
  if (isOutriggerProvider(type)) {
    if (options) refuseUnknownOptions(options);
    return;
  }
  service.findings.error(
    service.at('provider'),
    `"${type}" is a provider that only \`docker compose up\` can ask; name "outrigger" as the provider of the services ` +
      'that Outrigger shall run',
  );
}

function refuseUnknownOptions(options: Fields): void {
  const known = PROVIDER_OPTIONS.map(({ name }) => name);
  for (const key of options.keys()) {
    if (known.some(name => name === key)) continue;
    const message = `the provider has no option "${key}"; it has ${known.join(', ')}`;
    options.findings.error(options.at(key), message, nearestKey(key, known));
  }
}

/** A provider is a program's name, or the path to one. */
export function isOutriggerProvider(type: unknown): boolean {
  return typeof type === 'string' && /(?:^|[\\/])(?:docker-)?outrigger(?:\.exe)?$/.test(type);
}

function parseSpec(input: ServiceSpecInput, service: Fields, project: Project): ServiceSpec | undefined {
  const parsed = serviceSpec.safeParse(stated(input));
  if (parsed.success) return parsed.data;
  for (const problem of explainIssues(parsed.error.issues, { input, base: [], knownKeys: () => [] })) {
    project.findings.error(specKeyPath(problem.keyPath, service.path), problem.message);
  }
  return undefined;
}

/** Without the members that are undefined: what a file does not say is absent from its spec, not there and empty. */
function stated(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stated);
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, stated(item)]])),
  );
}
