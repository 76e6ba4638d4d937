import type { ServiceKey } from '../../control-plane/core/spec.ts';
import type { Clock } from '../../control-plane/ports.ts';
import type { DiscoveryHub, Snapshot, Watcher } from '../../control-plane/registry/hub.ts';

/** How soon a client puts a new set of endpoints to use, and says so; null: it never says. */
export type Manner = { readonly afterMs: number | null };

/** Clients that watch services through the hub. They outlive the control plane: they come again to its next life. */
export class Watchers {
  readonly #clock: Clock;
  #watching: Watching[] = [];
  #stop = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(hub: DiscoveryHub | null, service: ServiceKey, manner: Manner): void {
    const watching: Watching = { service, manner, used: null, hold: null };
    this.#watching.push(watching);
    if (hub) this.#watch(hub, watching);
  }

  leave(nth: number): void {
    this.#watching[nth]?.hold?.close();
    this.#watching = this.#watching.filter((_, i) => i !== nth);
  }

  /** The connections broke. */
  lost(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    for (const watching of this.#watching) watching.hold = null;
  }

  again(hub: DiscoveryHub): void {
    for (const watching of this.#watching) this.#watch(hub, watching);
  }

  /** Somebody who is connected may still call this container, as far as the control plane was told. */
  mayCall(service: string, containerId: string): boolean {
    return this.#watching.some(
      w => w.hold !== null && w.service === service && w.used?.endpoints.some(e => e.containerId === containerId),
    );
  }

  #watch(hub: DiscoveryHub, watching: Watching): void {
    watching.used = null;
    const { signal } = this.#stop;
    watching.hold = hub.watch(watching.service, snapshot => {
      // What it is given first it uses at once: it had nothing.
      watching.used ??= snapshot;
      void this.#use(watching, snapshot, signal);
    });
  }

  async #use(watching: Watching, snapshot: Snapshot, signal: AbortSignal): Promise<void> {
    const { afterMs } = watching.manner;
    if (afterMs === null) return;
    await this.#clock.sleep(afterMs, signal).catch(() => {});
    if (signal.aborted || (watching.used !== null && watching.used.version > snapshot.version)) return;
    watching.used = snapshot;
    watching.hold?.acknowledge(snapshot.version);
  }
}

interface Watching {
  readonly service: ServiceKey;
  readonly manner: Manner;
  /** What its calls go to. */
  used: Snapshot | null;
  /** Null while it is not connected. */
  hold: Watcher | null;
}
