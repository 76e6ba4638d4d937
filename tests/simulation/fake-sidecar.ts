import type { ProbeReport } from '../../control-plane/core/observed.ts';
import type { Clock, ProbeTarget, Sidecar } from '../../control-plane/ports.ts';

/** A sidecar without a network: a container passes its probes a moment after it is seen, unless a test says otherwise. */
export class FakeSidecar implements Sidecar {
  readonly #clock: Clock;
  readonly #passAfterMs: number;
  readonly #passed = new Set<string>();
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #targets: readonly ProbeTarget[] = [];
  /** Containers whose readiness, or whose liveness, fails at present. Shared by all lives of a control plane. */
  readonly ill: { readonly unready: Set<string>; readonly hung: Set<string> };

  constructor(clock: Clock, ill: FakeSidecar['ill'], passAfterMs = 40) {
    this.#clock = clock;
    this.#passAfterMs = passAfterMs;
    this.ill = ill;
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
    return new Map(
      this.#targets.map(({ containerId }) => {
        const passed = this.#passed.has(containerId);
        const report: ProbeReport = {
          containerId,
          startup: passed ? 'passed' : 'pending',
          warmup: passed ? 'done' : 'pending',
          readiness: !passed ? 'unknown' : this.ill.unready.has(containerId) ? 'failing' : 'passing',
          liveness: !passed ? 'unknown' : this.ill.hung.has(containerId) ? 'failing' : 'passing',
        };
        return [containerId, report];
      }),
    );
  }

  /** Tells the control plane that `ill` was changed. */
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
    this.changed();
  }
}
