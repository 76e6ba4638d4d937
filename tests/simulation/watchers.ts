import { ReplicasInUse } from '../../client/replicas-in-use.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import type { Clock } from '../../control-plane/ports.ts';
import type { DiscoveryHub, Snapshot, Watcher } from '../../control-plane/registry/hub.ts';

export interface Manner {
  /** How soon a client puts a new set of endpoints to use; null: never. */
  readonly afterMs: number | null;
  /** How long calls go on after that which had begun on replicas that left. */
  readonly callMs: number;
  /** How soon it finds the next life of the control plane. */
  readonly returnsAfterMs: number;
}

/**
 * Clients that watch services through the hub. They outlive their watches and the control plane: what they call they go on
 * calling, and they come again.
 */
export class Watchers {
  readonly #clock: Clock;
  #watching: Watching[] = [];
  #count = 0;
  #hub: DiscoveryHub | null = null;
  #life = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(service: ServiceKey, manner: Manner): void {
    const watching: Watching = {
      id: `client${this.#count++}`,
      service,
      manner,
      used: null,
      inFlight: new Map(),
      inUse: new ReplicasInUse<Snapshot>(snapshot => this.#putToUse(watching, snapshot)),
      connection: null,
      awayUntil: 0,
      expectedUntil: Number.POSITIVE_INFINITY,
      knownOf: new Set(),
    };
    this.#watching.push(watching);
    if (this.#hub) this.#connect(this.#hub, watching);
  }

  /** It ends; `silently`: as a process does that is killed. */
  leave(nth: number, options: { silently: boolean }): void {
    const watching = this.#watching[nth];
    if (options.silently) watching?.connection?.hold?.lose();
    else watching?.connection?.hold?.close();
    watching?.inUse.ended();
    this.#watching = this.#watching.filter((_, i) => i !== nth);
  }

  /** The connection of one breaks, and is made again after a time; perhaps before the control plane has noticed. */
  cut(nth: number, { forMs, noticed }: { forMs: number; noticed: boolean }): void {
    const watching = this.#watching[nth];
    const hub = this.#hub;
    if (!watching?.connection || !hub) return;
    const present = new Set(hub.snapshot(watching.service).endpoints.map(e => e.containerId));
    const inUse = [...(watching.used?.endpoints ?? []).map(e => e.containerId), ...watching.inFlight.keys()];
    watching.knownOf = new Set(inUse.filter(id => !present.has(id)));
    watching.expectedUntil = this.#clock.now() + EXPECTED_MS;
    watching.awayUntil = this.#clock.now() + forMs;
    if (noticed) watching.connection.hold?.lose();
    watching.connection = null;
    watching.inUse.lost();
    this.#return(hub, watching);
  }

  /** The control plane is gone, and every connection with it. */
  lost(): void {
    this.#hub = null;
    this.#life.abort();
    this.#life = new AbortController();
    for (const watching of this.#watching) {
      watching.connection = null;
      watching.inUse.lost();
      watching.expectedUntil = Number.POSITIVE_INFINITY;
      watching.knownOf = new Set();
    }
  }

  again(hub: DiscoveryHub): void {
    this.#hub = hub;
    for (const watching of this.#watching) {
      const { awayUntil, manner } = watching;
      watching.expectedUntil = hub.since + EXPECTED_MS;
      watching.awayUntil = Math.max(awayUntil, this.#clock.now() + manner.returnsAfterMs);
      this.#return(hub, watching);
    }
  }

  /**
   * Somebody calls this container of whom the control plane has to assume so: who is connected, who was known to use it when
   * the connection broke, and, unless the service is deleted, who may come back yet.
   */
  mayCall(service: string, containerId: string, { isDeleted }: { isDeleted: boolean }): boolean {
    const now = this.#clock.now();
    return this.#watching.some(w => {
      const inFlightUntil = w.inFlight.get(containerId) ?? Number.NEGATIVE_INFINITY;
      const calls = inFlightUntil > now || (w.used?.endpoints.some(e => e.containerId === containerId) ?? false);
      if (w.service !== service || !calls) return false;
      return w.connection !== null || w.knownOf.has(containerId) || (!isDeleted && now < w.expectedUntil);
    });
  }

  /** Clients that call others, or know of others, than the hub tells: of those who are told, and put to use what they are. */
  behind(hub: DiscoveryHub): { readonly id: string; readonly uses: string[]; readonly given: string[] }[] {
    const ids = (snapshot: Snapshot | null) => (snapshot?.endpoints ?? []).map(e => e.containerId);
    return this.#watching.flatMap(({ id, service, manner, used, inUse }) => {
      const [uses, knows, given] = [ids(used), ids(inUse.newest), ids(hub.snapshot(service))];
      const isBehind = knows.join() !== given.join() || (manner.afterMs !== null && uses.join() !== given.join());
      return isBehind ? [{ id, uses, given }] : [];
    });
  }

  #return(hub: DiscoveryHub, watching: Watching): void {
    const waitMs = watching.awayUntil - this.#clock.now();
    const back = () => {
      if (watching.connection === null && this.#watching.includes(watching)) this.#connect(hub, watching);
    };
    if (waitMs <= 0) back();
    else this.#clock.sleep(waitMs, this.#life.signal).then(back, () => {});
  }

  #connect(hub: DiscoveryHub, watching: Watching): void {
    const { inUse, service, id } = watching;
    const connection: Connection = { hold: null };
    watching.connection = connection;
    // What is put to use before the hub has given its hold on it is told when it has.
    let confirmed = -1;
    const told = inUse.opened(version => {
      confirmed = version;
      connection.hold?.acknowledge(version);
    });
    const take = (snapshot: Snapshot) => {
      // The hub may not have noticed yet that nobody is at the other end.
      if (watching.connection !== connection || inUse.given(snapshot) === 'used') return;
      void this.#clock.sleep(DOUBTED_MS, this.#life.signal).then(
        () => watching.connection === connection && inUse.believe(),
        () => {},
      );
    };
    connection.hold = hub.watch(service, take, { id, inUse: told });
    connection.hold.acknowledge(confirmed);
  }

  /** What it is given first of all it uses at once: it had nothing. */
  #putToUse(watching: Watching, snapshot: Snapshot): readonly Promise<unknown>[] {
    const { afterMs } = watching.manner;
    watching.used ??= snapshot;
    if (afterMs === null) return [new Promise(() => {})];
    if (afterMs === 0) return [this.#moveOver(watching, snapshot)];
    return [this.#clock.sleep(afterMs, NEVER).then(() => this.#moveOver(watching, snapshot))];
  }

  /** Calls begin on what is there now. Those on what left go on for their time, whatever becomes of the watch. */
  async #moveOver(watching: Watching, snapshot: Snapshot): Promise<void> {
    const { inFlight, manner, used } = watching;
    const stay = new Set(snapshot.endpoints.map(e => e.replicaId));
    const left = (used?.endpoints ?? []).filter(e => !stay.has(e.replicaId));
    watching.used = snapshot;
    if (left.length === 0 || manner.callMs === 0) return;
    const until = this.#clock.now() + manner.callMs;
    for (const { containerId } of left) inFlight.set(containerId, until);
    await this.#clock.sleep(manner.callMs, NEVER);
    for (const [containerId, at] of inFlight) if (at <= this.#clock.now()) inFlight.delete(containerId);
  }
}

/** How long a client that went without a word is waited for at least. */
const EXPECTED_MS = 10_000;
/** As long as the real client doubts a control plane that does not know its service any more. */
const DOUBTED_MS = 5_000;
const NEVER = new AbortController().signal;

interface Watching {
  readonly id: string;
  readonly service: ServiceKey;
  readonly manner: Manner;
  /** What its calls go to. */
  used: Snapshot | null;
  /** Until when calls run on containers that it begins none on any more. */
  readonly inFlight: Map<string, number>;
  /** What it says of that, as the real client does. */
  readonly inUse: ReplicasInUse<Snapshot>;
  connection: Connection | null;
  /** Not connected before. */
  awayUntil: number;
  /** Until when the control plane has to wait for it, while it is not connected. */
  expectedUntil: number;
  /** Containers that had left when its connection broke, and it still called. */
  knownOf: ReadonlySet<string>;
}

interface Connection {
  hold: Watcher | null;
}
