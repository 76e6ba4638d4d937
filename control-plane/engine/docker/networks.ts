import type { NetworkInspectInfo } from 'dockerode';
import { OutriggerError } from '../../core/errors.ts';
import type { NetworkSpec, ServiceSpec } from '../../core/spec.ts';
import { coveredSubnet, type NodeReach } from './covered-subnet.ts';
import { endpointSettings, networksOf } from './create-options.ts';
import type { EngineClient } from './engine-client.ts';
import { LABELS, namespaceLabels } from './labels.ts';
import { statusOf } from './translate-error.ts';

/** The networks that replicas join. What is known to exist is remembered, until the engine says otherwise. */
export class Networks {
  readonly #client: EngineClient;
  readonly #instance: string;
  /** By network name; a failed attempt is forgotten, so that the next one asks again. */
  readonly #known = new Map<string, Promise<void>>();
  readonly #making = new Set<string>();
  readonly #specs = new Map<string, { namespace: string; network: NetworkSpec }>();

  readonly #node: NodeReach;

  constructor(client: EngineClient, instance: string, node: NodeReach) {
    this.#client = client;
    this.#instance = instance;
    this.#node = node;
  }

  /** Every network of the spec exists. One that somebody else made under the name, such as Compose, is used as it is. */
  async ensure(spec: ServiceSpec, signal: AbortSignal): Promise<void> {
    await Promise.all(networksOf(spec).map(network => this.#ensureOnce(spec.namespace, network, signal)));
  }

  /** Asks again about networks that the engine no longer knows. */
  async ensureAgain(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names) {
      if (!this.#making.has(name)) this.#known.delete(name);
      const wanted = this.#specs.get(name);
      if (wanted) await this.#ensureOnce(wanted.namespace, wanted.network, signal);
    }
  }

  /** What is being made now is not forgotten: it would be made a second time beside it. */
  forget(): void {
    for (const name of this.#known.keys()) if (!this.#making.has(name)) this.#known.delete(name);
  }

  /** In words, which networks of the spec would be refused for their subnets, were they made now. Changes nothing. */
  async subnetTroubles(spec: ServiceSpec, signal: AbortSignal): Promise<readonly string[]> {
    const made = networksOf(spec).filter(({ external, subnets }) => !external && subnets.length > 0);
    const troubles = await Promise.all(
      made.map(async network => {
        if (await this.#exists(network.name, signal)) return null;
        return coveredSubnet(this.#client, this.#node, network, signal);
      }),
    );
    return troubles.flatMap(trouble => trouble?.message ?? []);
  }

  /** Idempotent: a container that is in the network already is success. One that somebody removed meanwhile is made again. */
  async join(containerId: string, spec: ServiceSpec, network: NetworkSpec, signal: AbortSignal): Promise<void> {
    try {
      await this.#connect(containerId, spec, network, signal);
    } catch (error) {
      if (!isNetworkGone(error)) throw error;
      await this.ensureAgain([network.name], signal);
      await this.#connect(containerId, spec, network, signal);
    }
  }

  async #connect(containerId: string, spec: ServiceSpec, network: NetworkSpec, signal: AbortSignal): Promise<void> {
    await this.#client
      .call(
        {
          doing: `connecting ${containerId.slice(0, 12)} to network ${network.name}`,
          deadlineMs: this.#client.deadlines.changeMs,
          signal,
        },
        (docker, abortSignal) => {
          const body = { Container: containerId, EndpointConfig: endpointSettings(spec, network), abortSignal };
          return docker.getNetwork(network.name).connect(body) as unknown as Promise<unknown>;
        },
      )
      .catch((error: OutriggerError) => {
        if (/already exists in network|is already attached to network/.test(error.message)) return;
        throw error;
      });
  }

  /**
   * Removes the networks of the namespace that nothing is connected to any more. Those that another instance made for it are
   * removed too: it left them because they were in use here, and makes them again where it is just about to use them.
   * null: all that this instance made.
   */
  async clean(namespace: string | null, signal: AbortSignal): Promise<void> {
    const options = {
      doing: `listing networks of ${namespace ?? 'every namespace'}`,
      deadlineMs: this.#client.deadlines.queryMs,
      signal,
    };
    // Of any instance by the label alone: only a control plane of ours sets it; Compose's networks and a person's have none.
    const label =
      namespace === null
        ? [`${LABELS.instance}=${this.#instance}`]
        : [LABELS.instance, `${LABELS.namespace}=${namespace}`];
    const filters = JSON.stringify({ label });
    const networks = await this.#client.call(options, (docker, abortSignal) =>
      docker.listNetworks({ filters, abortSignal }),
    );
    await Promise.all(networks.map(network => this.#remove(network, signal)));
  }

  async #remove(network: NetworkInspectInfo, signal: AbortSignal): Promise<void> {
    this.#known.delete(network.Name);
    await this.#removeUnused(network, signal);
  }

  async #removeUnused(network: NetworkInspectInfo, signal: AbortSignal): Promise<void> {
    const options = {
      doing: `removing network ${network.Name}`,
      deadlineMs: this.#client.deadlines.changeMs,
      signal,
    };
    await this.#client
      .call(options, (docker, abortSignal) => docker.getNetwork(network.Id).remove({ abortSignal }))
      .catch((error: OutriggerError) => {
        // In use by others, such as the application's containers: it is theirs to remove then.
        if (statusOf(error) === 404 || /has active endpoints/.test(error.message)) return;
        throw error;
      });
  }

  #ensureOnce(namespace: string, network: NetworkSpec, signal: AbortSignal): Promise<void> {
    this.#specs.set(network.name, { namespace, network });
    const known = this.#known.get(network.name);
    if (known) return this.#waitFor(network.name, known, signal);
    // Shared by all who wait for it, so that it must not end with the signal of the first; its calls have deadlines.
    const made = this.#ensure(namespace, network, new AbortController().signal);
    this.#known.set(network.name, made);
    this.#making.add(network.name);
    made.catch(() => this.#known.delete(network.name)).finally(() => this.#making.delete(network.name));
    return this.#waitFor(network.name, made, signal);
  }

  #waitFor(name: string, made: Promise<void>, signal: AbortSignal): Promise<void> {
    const { queryMs, changeMs } = this.#client.deadlines;
    const options = { doing: `making sure of network ${name}`, deadlineMs: 2 * (queryMs + changeMs), signal };
    return this.#client.bounded(options, () => made);
  }

  async #ensure(namespace: string, network: NetworkSpec, signal: AbortSignal): Promise<void> {
    // What may only be refused because it is there already is asked for first; any other is mostly new, the first start of a
    // project waits for it, and the engine says where it is not.
    if ((network.external || network.subnets.length > 0) && (await this.#exists(network.name, signal))) return;
    if (network.external) {
      throw new OutriggerError('container_rejected', `The external network ${network.name} does not exist`, {
        next: `Create it with \`docker network create ${network.name}\`, or drop \`external: true\`.`,
      });
    }
    await this.#refuseTaken(network, signal);
    const options = { doing: `creating network ${network.name}`, deadlineMs: this.#client.deadlines.changeMs, signal };
    await this.#client
      .call(options, (docker, abortSignal) =>
        docker.createNetwork({
          Name: network.name,
          // Without it two control planes, or Compose and we, could make two networks of one name.
          CheckDuplicate: true,
          Driver: network.driver ?? 'bridge',
          Internal: network.internal,
          Options: { ...network.driverOptions },
          ...(network.subnets.length > 0 && { IPAM: { Config: network.subnets.map(Subnet => ({ Subnet })) } }),
          Labels: namespaceLabels(this.#instance, namespace, { network: network.key }),
          abortSignal,
        }),
      )
      .catch(async (error: OutriggerError) => {
        // One that is predefined, or Swarm's, the engine refuses in other words than one that is there already.
        if (statusOf(error) !== 409 && !(await this.#exists(network.name, signal).catch(() => false))) throw error;
      });
    await this.#keepOne(network.name, signal);
  }

  /** The engine takes any subnet that is none of its own networks', its node's gateway and neighbours included. */
  async #refuseTaken(network: NetworkSpec, signal: AbortSignal): Promise<void> {
    const covered = await coveredSubnet(this.#client, this.#node, network, signal);
    if (covered === null) return;
    const { next } = covered;
    throw new OutriggerError('invalid_argument', covered.message, { next });
  }

  /**
   * The engine checks for a second network of the name, but not under a lock, and a name that stands for two networks is
   * of no use to anybody. Whoever made one looks again, and all keep the same one: the first by time, then by id.
   */
  async #keepOne(name: string, signal: AbortSignal): Promise<void> {
    const options = { doing: `looking up networks ${name}`, deadlineMs: this.#client.deadlines.queryMs, signal };
    const filters = JSON.stringify({ name: [name] });
    const listed = await this.#client.call(options, (docker, abortSignal) =>
      docker.listNetworks({ filters, abortSignal }),
    );
    const [, ...further] = listed.filter(({ Name }) => Name === name).sort(byAge);
    const ours = further.filter(({ Labels }) => Labels?.[LABELS.instance] === this.#instance);
    await Promise.all(ours.map(network => this.#removeUnused(network, signal)));
  }

  async #exists(name: string, signal: AbortSignal): Promise<boolean> {
    return this.#client
      .get({ doing: `looking up network ${name}`, path: `/networks/${encodeURIComponent(name)}`, signal })
      .then(
        () => true,
        (error: OutriggerError) => {
          if (statusOf(error) === 404) return false;
          throw error;
        },
      );
  }
}

/** 404 on an engine by itself; 500 on a manager of a swarm, which asks the swarm for the network in turn. */
export function isNetworkGone(error: unknown): boolean {
  const status = statusOf(error);
  return (status === 404 || status === 500) && /network .* not found/i.test((error as Error).message);
}

function byAge(a: NetworkInspectInfo, b: NetworkInspectInfo): number {
  const [first, second] = [`${a.Created} ${a.Id}`, `${b.Created} ${b.Id}`];
  return first < second ? -1 : first > second ? 1 : 0;
}
