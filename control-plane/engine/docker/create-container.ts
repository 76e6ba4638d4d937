import type { ContainerInspectInfo } from 'dockerode';
import type { Action } from '../../core/actions.ts';
import { OutriggerError } from '../../core/errors.ts';
import type { NetworkSpec } from '../../core/spec.ts';
import { type CreateOptionsContext, createOptions, networksOf } from './create-options.ts';
import type { EngineClient } from './engine-client.ts';
import { inspectContainer } from './inspect-container.ts';
import { parseReplicaLabels } from './labels.ts';
import type { Networks } from './networks.ts';
import { statusOf } from './translate-error.ts';
import type { Volumes } from './volumes.ts';
import { writeFiles } from './write-files.ts';

type CreateRequest = Extract<Action, { kind: 'create' }>;
interface Parts {
  readonly client: EngineClient;
  readonly networks: Networks;
  readonly volumes: Volumes;
}

/**
 * Creates the container and everything it needs, not started. One call to the engine where networks and volumes are
 * known and there are no files. A container that is there under the name already is adopted, if it is the same attempt.
 */
export async function createContainer(
  { client, networks, volumes }: Parts,
  request: CreateRequest,
  context: Omit<CreateOptionsContext, 'severalNetworks'>,
  signal: AbortSignal,
): Promise<{ containerId: string }> {
  const { spec } = request;
  const networked = networks.ensure(spec, signal);
  const [created] = await Promise.allSettled([
    volumes.ensure(spec, signal).then(async () => {
      // The engine looks for networks when it starts the container, so those that we make are made meanwhile. Those that
      // may well be refused come first.
      if (networksOf(spec).some(network => network.external || network.subnets.length > 0)) await networked;
      return create(client, request, context, signal);
    }),
    // To its end, so that nothing is still being made when this call has failed.
    networked,
  ]);
  if (created.status === 'rejected') throw created.reason;
  await networked;
  const { containerId, joinLater, settled } = created.value;
  if (settled) return { containerId };
  // An adopted container may have been left before these were done; all are idempotent.
  await Promise.all(joinLater.map(network => networks.join(containerId, spec, network, signal)));
  await writeFiles(client, containerId, spec.files, signal);
  return { containerId };
}

/** `settled`: it is there and was started already, by what an earlier call for the same attempt began. */
async function create(
  client: EngineClient,
  request: CreateRequest,
  context: Omit<CreateOptionsContext, 'severalNetworks'>,
  signal: AbortSignal,
): Promise<{ containerId: string; joinLater: readonly NetworkSpec[]; settled: boolean }> {
  const { spec, containerName } = request;
  // One network at create works on every engine; API 1.44 would take several, at the price of asking for the version.
  const { body, joinLater } = createOptions(request, { ...context, severalNetworks: false });
  const query = { name: containerName, ...(spec.platform !== undefined && { platform: spec.platform }) };
  const doing = `creating container ${containerName}`;
  try {
    const container = await client.call(
      { doing, deadlineMs: client.deadlines.changeMs, signal },
      // In a query alone: everything else would stand in the URL, secrets included.
      (docker, abortSignal) => docker.createContainer({ _query: query, _body: body, abortSignal } as never),
    );
    return { containerId: container.id, joinLater, settled: false };
  } catch (error) {
    if (statusOf(error) !== 409) throw error;
    const existing = await adopt(client, request, context.instance, signal);
    return { containerId: existing.Id, joinLater, settled: existing.State.Status !== 'created' };
  }
}

/** The container under the name, if it is what an earlier call for the same attempt made. */
async function adopt(
  client: EngineClient,
  request: CreateRequest,
  instance: string,
  signal: AbortSignal,
): Promise<ContainerInspectInfo> {
  const { containerName: name, replicaId, attempt } = request;
  const existing = await inspectContainer(client, name, signal);
  if (!existing) {
    throw new OutriggerError('conflict', `The name ${name} was taken a moment ago, and is free now`, {
      retryable: true,
    });
  }
  const labels = parseReplicaLabels(existing.Config.Labels ?? {});
  if (!labels || labels.instance !== instance) {
    throw new OutriggerError('conflict', `The name ${name} belongs to a container that is not of this control plane`, {
      next: `Remove it with \`docker rm ${name}\` if nobody needs it.`,
      retryable: false,
    });
  }
  if (labels.replicaId !== replicaId || labels.attempt !== attempt) {
    throw new OutriggerError(
      'conflict',
      `The name ${name} still belongs to attempt ${labels.attempt} of replica ${labels.replicaId}, not to attempt ${attempt} of ${replicaId}`,
      { details: { containerId: existing.Id } },
    );
  }
  return existing;
}
