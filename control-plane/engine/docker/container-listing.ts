import type { ContainerInfo } from 'dockerode';
import type { ContainerExit, ObservedContainer } from '../../core/observed.ts';
import type { EngineListing } from '../../ports.ts';
import { capabilityHint } from './capability-hint.ts';
import type { EngineClient } from './engine-client.ts';
import { inspectContainer } from './inspect-container.ts';
import { LABELS, parseReplicaLabels } from './labels.ts';
import { readLogs } from './logs.ts';
import type { NodeCapacity } from './node-capacity.ts';

/**
 * One listing of the node. A running container is inspected once in its life, for its start time, and an exited one
 * once, for its exit and last lines; both are remembered by container id until an event says that it was started again.
 */
export class ContainerListing {
  readonly #client: EngineClient;
  readonly #instance: string;
  readonly #capacity: NodeCapacity;
  readonly #started = new Map<string, number>();
  readonly #exits = new Map<string, ContainerExit>();
  /** Said to have ended, and not asked about since. */
  readonly #ended = new Set<string>();

  constructor(client: EngineClient, options: { instance: string; capacity: NodeCapacity }) {
    this.#client = client;
    this.#instance = options.instance;
    this.#capacity = options.capacity;
  }

  async observe(signal: AbortSignal): Promise<EngineListing> {
    const [capacity, listed] = await Promise.all([this.#capacity.read(signal), this.#list(signal)]);
    const containers = await eachBounded(listed, CONCURRENT_INSPECTS, item => this.#observeOne(item, signal));
    this.#forgetAllBut(new Set(listed.map(({ Id }) => Id)));
    return { ...capacity, containers: containers.filter(container => container !== null) };
  }

  /**
   * The container was started, or has ended: what was remembered of it may be of an earlier run. The engine announces an
   * end before its listing shows it, by as long as it takes to undo the network, so one that ended is asked about itself.
   */
  noteEvent(containerId: string, action: string): void {
    this.#started.delete(containerId);
    this.#exits.delete(containerId);
    if (action === 'die') this.#ended.add(containerId);
  }

  #list(signal: AbortSignal): Promise<ContainerInfo[]> {
    const filters = JSON.stringify({ label: [`${LABELS.instance}=${this.#instance}`] });
    return this.#client.call(
      { doing: 'listing containers', deadlineMs: this.#client.deadlines.queryMs, signal },
      (docker, abortSignal) => docker.listContainers({ all: true, filters, abortSignal }),
    );
  }

  async #observeOne(item: ContainerInfo, signal: AbortSignal): Promise<ObservedContainer | null> {
    const labels = parseReplicaLabels(item.Labels ?? {});
    if (!labels || labels.instance !== this.#instance) return null;
    const state = stateOf(item.State);
    const health = healthOf(item.Status);
    const base = {
      id: item.Id,
      name: nameOf(item.Names),
      replicaId: labels.replicaId,
      service: labels.service,
      generation: labels.generation,
      attempt: labels.attempt,
      image: item.Image,
      state,
      addresses: Object.entries(item.NetworkSettings?.Networks ?? {})
        .map(([network, endpoint]) => ({ network, ip: endpoint.IPAddress || endpoint.GlobalIPv6Address || '' }))
        .filter(({ ip }) => ip !== ''),
      publishedPorts: (item.Ports ?? [])
        .filter(port => port.PublicPort && (port.Type === 'tcp' || port.Type === 'udp'))
        .map(port => ({
          containerPort: port.PrivatePort,
          hostIp: port.IP ?? '',
          hostPort: port.PublicPort,
          protocol: port.Type as 'tcp' | 'udp',
        })),
    };
    switch (state) {
      case 'created':
        return base;
      case 'running': {
        this.#exits.delete(item.Id);
        const startedAt = await this.#startedAt(item.Id, signal);
        if (startedAt === 'ended') {
          const exit = await this.#exit(item.Id, signal);
          return exit && { ...base, state: 'exited', addresses: [], publishedPorts: [], exit };
        }
        return { ...base, ...(health && { health }), ...(startedAt !== null && { startedAt }) };
      }
      case 'exited': {
        this.#started.delete(item.Id);
        this.#ended.delete(item.Id);
        const exit = await this.#exit(item.Id, signal);
        return exit && { ...base, exit };
      }
      default:
        return state satisfies never;
    }
  }

  /** `ended` where the listing lags behind; null where the engine does not say when. */
  async #startedAt(id: string, signal: AbortSignal): Promise<number | 'ended' | null> {
    const known = this.#started.get(id);
    if (known !== undefined && !this.#ended.has(id)) return known;
    // Taken out before it is asked about: an end that is announced meanwhile counts for the next time.
    const ended = this.#ended.delete(id);
    const inspected = await inspectContainer(this.#client, id, signal).catch(error => {
      if (ended) this.#ended.add(id);
      throw error;
    });
    if (!inspected || stateOf(inspected.State.Status) !== 'running') return 'ended';
    const startedAt = Date.parse(inspected.State.StartedAt);
    if (!(startedAt > 0)) return null;
    this.#started.set(id, startedAt);
    return startedAt;
  }

  /** Null where the container is gone by now. */
  async #exit(id: string, signal: AbortSignal): Promise<ContainerExit | null> {
    const known = this.#exits.get(id);
    if (known) return known;
    const inspected = await inspectContainer(this.#client, id, signal);
    if (!inspected) return null;
    const { ExitCode: code, OOMKilled: oomKilled, Error: words } = inspected.State;
    const logTail = await this.#logTail(id, signal);
    const exit = { code, oomKilled, error: words || (code === 0 ? '' : capabilityHint(logTail)), logTail };
    this.#exits.set(id, exit);
    return exit;
  }

  /** Best effort: an exit without its last lines is better than no listing. */
  async #logTail(id: string, signal: AbortSignal): Promise<readonly string[]> {
    const lines: string[] = [];
    try {
      for await (const { text } of readLogs(this.#client, id, { tail: LOG_TAIL_LINES }, signal)) {
        lines.push(text.length > MAX_TAIL_CHARACTERS ? `${text.slice(0, MAX_TAIL_CHARACTERS)}…` : text);
      }
    } catch (error) {
      if (signal.aborted) throw error;
    }
    return lines.slice(-LOG_TAIL_LINES);
  }

  #forgetAllBut(present: ReadonlySet<string>): void {
    for (const memory of [this.#started, this.#exits, this.#ended]) {
      for (const id of memory.keys()) if (!present.has(id)) memory.delete(id);
    }
  }
}

const CONCURRENT_INSPECTS = 8;
const LOG_TAIL_LINES = 20;
const MAX_TAIL_CHARACTERS = 2_000;

/** The engine's states as ours. A paused container still runs, and one on its way out has ended. */
export function stateOf(state: string): ObservedContainer['state'] {
  switch (state) {
    case 'created':
      return 'created';
    case 'running':
    case 'paused':
    case 'restarting':
      return 'running';
    default:
      return 'exited';
  }
}

/** The listing has the health only inside its words: `Up 3 seconds (health: starting)`, `Up 2 hours (healthy)`. */
export function healthOf(status: string): ObservedContainer['health'] {
  const word = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(status)?.[1];
  return word as ObservedContainer['health'];
}

/** Links give a container further names with a second slash. */
function nameOf(names: readonly string[]): string {
  const own = names.find(name => name.lastIndexOf('/') === 0) ?? names[0] ?? '';
  return own.replace(/^\//, '');
}

async function eachBounded<T, R>(items: readonly T[], bound: number, map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await map(items[i] as T);
  };
  await Promise.all(Array.from({ length: Math.min(bound, items.length) }, worker));
  return results;
}
