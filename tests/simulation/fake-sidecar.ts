import type { ProbeReport } from '../../control-plane/core/observed.ts';
import type { Clock, ProbeTarget, Sidecar } from '../../control-plane/ports.ts';

/** How the containers of a world are, by id; it outlives the sidecars that ask. */
export class Health {
  /** Readiness fails at present. */
  readonly unready = new Set<string>();
  /** Liveness fails at present. */
  readonly hung = new Set<string>();
  /** Liveness failed at some time. */
  readonly everHung = new Set<string>();
  /** A probe really passed, in this life of the control plane or an earlier one. */
  readonly everPassed = new Set<string>();
  /** What containers say of their load; those that are not here say nothing. */
  readonly inFlight = new Map<string, number>();

  hang(containerId: string): void {
    this.hung.add(containerId);
    this.everHung.add(containerId);
  }

  heal(): void {
    this.unready.clear();
    this.hung.clear();
    this.inFlight.clear();
  }
}

/** A sidecar without a network: a container passes its probes a moment after it is seen, unless a test says otherwise. */
export class FakeSidecar implements Sidecar {
  readonly #clock: Clock;
  readonly #health: Health;
  readonly #passAfterMs: number;
  readonly #passed = new Set<string>();
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #targets: readonly ProbeTarget[] = [];

  constructor(clock: Clock, health: Health, passAfterMs = 40) {
    this.#clock = clock;
    this.#health = health;
    this.#passAfterMs = passAfterMs;
  }

  /** What it was last told to look after. */
  get targets(): readonly ProbeTarget[] {
    return this.#targets;
  }

  target(targets: readonly ProbeTarget[]): void {
    const known = new Set(this.#targets.map(t => t.containerId));
    this.#targets = targets;
    for (const target of targets) {
      if (known.has(target.containerId) || this.#passed.has(target.containerId)) continue;
      if (target.resume) this.#passed.add(target.containerId);
      else void this.#pass(target.containerId);
    }
  }

  reports(): ReadonlyMap<string, ProbeReport> {
    const { unready, hung, inFlight } = this.#health;
    return new Map(
      this.#targets.map(({ containerId }) => {
        const passed = this.#passed.has(containerId);
        const running = inFlight.get(containerId);
        const report: ProbeReport = {
          containerId,
          startup: passed ? 'passed' : 'pending',
          warmup: passed ? 'done' : 'pending',
          readiness: !passed ? 'unknown' : unready.has(containerId) ? 'failing' : 'passing',
          liveness: !passed ? 'unknown' : hung.has(containerId) ? 'failing' : 'passing',
          ...(running === undefined ? {} : { load: { inFlight: running, at: this.#clock.now() } }),
        };
        return [containerId, report];
      }),
    );
  }

  /** Tells the control plane that somebody's health was changed. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
  }

  async #pass(containerId: string): Promise<void> {
    await this.#clock.sleep(this.#passAfterMs, this.#stop.signal).catch(() => {});
    if (this.#stop.signal.aborted) return;
    this.#passed.add(containerId);
    this.#health.everPassed.add(containerId);
    this.changed();
  }
}
