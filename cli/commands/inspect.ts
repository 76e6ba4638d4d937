import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import { absence } from '../absence.ts';
import { hostAndPort } from '../address.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { namespaceOf } from '../project.ts';
import { exitCodeMeaning } from '../render/failure.ts';
import { fields } from '../render/fields.ts';
import { generationInWords } from '../render/generation.ts';
import { phaseDetail, phaseDurations, readiness } from '../render/phase.ts';
import { quotedLine, singleLine } from '../render/text.ts';
import { formatAge } from '../render/units.ts';
import { parseServiceReference } from '../service-reference.ts';

/** The service of this name, or the replica with this id, container name or beginning of a container id. */
export async function inspect(context: Context, what: string, options: ProjectOptions): Promise<void> {
  const reference = parseServiceReference(what);
  const client = await context.client();
  const all = await client.services(reference.namespace, context.signal);
  const found = findReplica(all, what) ?? (await findService(context, all, reference, options));
  if (!found) {
    const namespace = reference.namespace ?? (await namespaceOf(context, options).catch(() => undefined));
    const asked = namespace === undefined ? null : { namespace, names: [reference.name] };
    const gone = asked && (await absence(client, asked, context.signal));
    if (gone) throw gone;
    throw new OutriggerError('not_found', `There is no service or replica "${what}".`, {
      next: 'See "outrigger ps --all-projects"; give PROJECT/SERVICE for one of another project.',
    });
  }
  const { service, replica } = found;
  if (context.options.json) {
    context.out.json(replica ?? service);
    return;
  }
  const lines = replica ? replicaLines(service, replica) : serviceLines(service);
  for (const line of lines) context.out.line(line);
}

interface Found {
  readonly service: ServiceView;
  readonly replica: ReplicaView | null;
}

const MIN_CONTAINER_ID_PREFIX = 6;

function findReplica(services: readonly ServiceView[], what: string): Found | null {
  for (const service of services) {
    const replica = service.replicas.find(
      r =>
        r.id === what ||
        r.containerName === what ||
        (what.length >= MIN_CONTAINER_ID_PREFIX && r.containerId?.startsWith(what)),
    );
    if (replica) return { service, replica };
  }
  return null;
}

/** In the project at hand; where there is none, in the only project that has a service of this name. */
async function findService(
  context: Context,
  services: readonly ServiceView[],
  reference: { namespace: string | undefined; name: string },
  options: ProjectOptions,
): Promise<Found | null> {
  const named = services.filter(s => s.name === reference.name);
  if (named.length <= 1) return named[0] ? { service: named[0], replica: null } : null;
  const namespace = await namespaceOf(context, options);
  const service = named.find(s => s.namespace === namespace);
  return service ? { service, replica: null } : null;
}

function serviceLines(service: ServiceView): string[] {
  const nowMs = Date.now();
  return [
    ...fields([
      ['service', `${service.namespace}/${service.name}`],
      ['state', `${service.state}${service.message ? `: ${singleLine(service.message)}` : ''}`],
      ['ready', readiness(service)],
      ['image', service.image],
      [
        'protocol',
        service.port === undefined
          ? `${service.protocol} (no port, so no endpoint)`
          : `${service.protocol}, port ${service.port}`,
      ],
      ['generation', generationInWords(service, nowMs)],
      ['from', service.origin],
    ]),
    ...service.replicas.flatMap(replica => ['', ...replicaLines(service, replica)]),
    '',
    `its whole spec: outrigger inspect --json ${service.namespace}/${service.name}`,
  ];
}

function replicaLines(service: ServiceView, replica: ReplicaView): string[] {
  const nowMs = Date.now();
  const detail = phaseDetail({ ...replica, addresses: [] }, nowMs);
  const durations = phaseDurations(replica);
  return [
    ...fields([
      ['replica', `${replica.id} of ${service.namespace}/${service.name}`],
      [
        'phase',
        `${replica.phase}${replica.impaired ? ' (impaired)' : ''} for ${formatAge(nowMs - replica.sinceMs)}${detail ? `: ${singleLine(detail)}` : ''}`,
      ],
      ['generation', String(replica.generation)],
      ['node', replica.node ?? ''],
      ['devices', replica.devices.join(', ')],
      // Its name is known before there is one.
      ['container', replica.containerId ? `${replica.containerName} (${replica.containerId.slice(0, 12)})` : ''],
      ['starts', replica.attempt > 1 ? String(replica.attempt) : ''],
      ['exit code', replica.exitCode === undefined ? '' : `${replica.exitCode}${exitCodeMeaning(replica.exitCode)}`],
      [
        'addresses',
        replica.addresses
          .map(a => `${hostAndPort(a.host, a.port)} (${a.kind === 'network' ? a.network : 'published'})`)
          .join(', '),
      ],
      ['timings', durations],
    ]),
    ...(replica.logTail.length > 0 ? ['last lines:', ...replica.logTail.map(line => `  | ${quotedLine(line)}`)] : []),
  ];
}
