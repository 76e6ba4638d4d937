import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import { OutriggerError } from '../../core/errors.ts';
import type { ContainerExit, ObservedContainer } from '../../core/observed.ts';
import type { Clock, EngineListing } from '../../ports.ts';
import { capabilityHint } from './capability-hint.ts';
import { type EngineClient, givenUp } from './engine-client.ts';
import { notAnEngine } from './foreign-answer.ts';
import { inspectContainer } from './inspect-container.ts';
import { LABELS, parseReplicaLabels } from './labels.ts';
import { readLogs } from './logs.ts';
import type { NodeCapacity } from './node-capacity.ts';

/**
 * One listing of the node. A running container whose start no event told is inspected once in its life, for its start
 * time, and an exited one once, for its exit and last lines; both are remembered by container id until an event says that
 * it was started again.
 * A container that cannot be looked at keeps nobody waiting: it comes with what the list itself says of it, and is
 * looked at again a while later.
 */
export class ContainerListing {
  readonly #client: EngineClient;
  readonly #instance: string;
  readonly #capacity: NodeCapacity;
  readonly #started = new Map<string, number>();
  readonly #exits = new Map<string, ContainerExit>();
  /** Said to have ended, and not asked about since. */
  readonly #ended = new Set<string>();
  /** When a container that did not answer is looked at again, by the Clock. */
  readonly #notBefore = new Map<string, number>();
  /** How often the last lines of a container could not be read. */
  readonly #tailFailures = new Map<string, number>();
  readonly #clock: Clock;

  constructor(client: EngineClient, options: { instance: string; capacity: NodeCapacity; clock: Clock }) {
    this.#client = client;
    this.#instance = options.instance;
    this.#capacity = options.capacity;
    this.#clock = options.clock;
  }

  async observe(signal: AbortSignal): Promise<EngineListing> {
    const [capacity, listed] = await Promise.all([this.#capacity.read(signal), this.#list(signal)]);
    const patience = AbortSignal.any([signal, AbortSignal.timeout(LOOKING_CLOSER_MS)]);
    const containers = await eachBounded(listed, CONCURRENT_INSPECTS, item => this.#observeOne(item, patience));
    if (signal.aborted) throw givenUp('listing containers', this.#client.address, signal);
    this.#forgetAllBut(new Set(listed.map(({ Id }) => Id)));
    return { ...capacity, containers: containers.filter(container => container !== null) };
  }

  /**
   * The container was started, or has ended: what was remembered of it may be of an earlier run. The engine announces an
   * end before its listing shows it, by as long as it takes to undo the network, so one that ended is asked about itself.
   * @param at when it happened, by the engine's clock, in milliseconds; absent: not known
   */
  noteEvent(containerId: string, action: string, at?: number): void {
    if (action === 'start' && at !== undefined) this.#started.set(containerId, at);
    else this.#started.delete(containerId);
    this.#exits.delete(containerId);
    this.#notBefore.delete(containerId);
    this.#tailFailures.delete(containerId);
    if (action === 'die') this.#ended.add(containerId);
  }

  async #list(signal: AbortSignal): Promise<ContainerInfo[]> {
    const filters = JSON.stringify({ label: [`${LABELS.instance}=${this.#instance}`] });
    const doing = 'listing containers';
    const listed: unknown = await this.#client.call(
      { doing, deadlineMs: this.#client.deadlines.queryMs, signal },
      (docker, abortSignal) => docker.listContainers({ all: true, filters, abortSignal }),
    );
    if (!Array.isArray(listed)) throw notAnEngine(this.#client.address, { doing });
    return listed;
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
          const exit = await this.#exit(item, signal);
          return exit && { ...base, state: 'exited', addresses: [], publishedPorts: [], exit };
        }
        return { ...base, ...(health && { health }), ...(startedAt !== null && { startedAt }) };
      }
      case 'exited': {
        this.#started.delete(item.Id);
        this.#ended.delete(item.Id);
        const exit = await this.#exit(item, signal);
        return exit && { ...base, exit };
      }
      default:
        return state satisfies never;
    }
  }

  /** `ended` where the listing lags behind; null where the engine does not say when, or nothing at all. */
  async #startedAt(id: string, signal: AbortSignal): Promise<number | 'ended' | null> {
    const known = this.#started.get(id);
    if (known !== undefined && !this.#ended.has(id)) return known;
    // Taken out before it is asked about: an end that is announced meanwhile counts for the next time.
    const ended = this.#ended.delete(id);
    const inspected = await this.#inspect(id, signal).catch(error => {
      if (ended) this.#ended.add(id);
      throw error;
    });
    if (inspected === NO_ANSWER) {
      if (ended) this.#ended.add(id);
      return known ?? null;
    }
    if (!inspected || stateOf(inspected.State.Status) !== 'running') return 'ended';
    const startedAt = Date.parse(inspected.State.StartedAt);
    if (!(startedAt > 0)) return null;
    this.#started.set(id, startedAt);
    return startedAt;
  }

  /** Null where the container is gone by now. */
  async #exit({ Id: id, Status: status }: ContainerInfo, signal: AbortSignal): Promise<ContainerExit | null> {
    const known = this.#exits.get(id);
    if (known && !((this.#notBefore.get(id) ?? Infinity) <= this.#clock.now())) return known;
    const inspected = await this.#inspect(id, signal);
    if (!inspected) return null;
    if (inspected === NO_ANSWER) return known ?? { code: exitCodeOf(status), oomKilled: false, error: '', logTail: [] };
    const { ExitCode: code, OOMKilled: oomKilled, Error: words } = inspected.State;
    const logTail = await this.#logTail(id, signal);
    const lines = logTail ?? [];
    const exit = { code, oomKilled, error: words || (code === 0 ? '' : capabilityHint(lines)), logTail: lines };
    this.#exits.set(id, exit);
    if (logTail !== null || this.#tailsGivenUp(id)) this.#notBefore.delete(id);
    else this.#lookAgainLater(id);
    return exit;
  }

  async #inspect(id: string, signal: AbortSignal): Promise<ContainerInspectInfo | null | typeof NO_ANSWER> {
    if (signal.aborted || this.#clock.now() < (this.#notBefore.get(id) ?? 0)) return NO_ANSWER;
    try {
      return await inspectContainer(this.#client, id, AbortSignal.any([signal, AbortSignal.timeout(INSPECT_MS)]));
    } catch (error) {
      // An engine that went away is no matter of this container.
      if (error instanceof OutriggerError && error.code === 'unavailable') throw error;
      this.#lookAgainLater(id);
      return NO_ANSWER;
    }
  }

  /** Null where they cannot be read now: an exit without its last lines is better than no listing, and than half of them. */
  async #logTail(id: string, signal: AbortSignal): Promise<readonly string[] | null> {
    const lines: string[] = [];
    try {
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(LOG_TAIL_MS)]);
      for await (const { text } of readLogs(this.#client, id, { tail: LOG_TAIL_LINES }, inTime)) {
        lines.push(text.length > MAX_TAIL_CHARACTERS ? `${text.slice(0, MAX_TAIL_CHARACTERS)}…` : text);
      }
      return lines.slice(-LOG_TAIL_LINES);
    } catch {
      return null;
    }
  }

  /** Counts one more failure. */
  #tailsGivenUp(id: string): boolean {
    const failures = (this.#tailFailures.get(id) ?? 0) + 1;
    this.#tailFailures.set(id, failures);
    return failures >= MOST_TAIL_FAILURES;
  }

  #lookAgainLater(id: string): void {
    this.#notBefore.set(id, this.#clock.now() + LOOK_AGAIN_MS);
  }

  #forgetAllBut(present: ReadonlySet<string>): void {
    for (const memory of [this.#started, this.#exits, this.#ended, this.#notBefore, this.#tailFailures]) {
      for (const id of memory.keys()) if (!present.has(id)) memory.delete(id);
    }
  }
}

const NO_ANSWER = Symbol('no answer');
const CONCURRENT_INSPECTS = 8;
/** All inspections and log tails of one listing together; the list itself is not worth waiting longer for them. */
const LOOKING_CLOSER_MS = 3_500;
const INSPECT_MS = 2_000;
const LOG_TAIL_MS = 1_000;
const LOOK_AGAIN_MS = 10_000;
const MOST_TAIL_FAILURES = 3;
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

/** What the listing says of an exit: `Exited (137) 2 minutes ago`; -1 where it says nothing. */
export function exitCodeOf(status: string): number {
  return Number(/\((\d+)\)/.exec(status)?.[1] ?? -1);
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
