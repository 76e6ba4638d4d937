import type { ProbeReport } from '../../control-plane/core/observed.ts';
import type { Clock, ProbeTarget, Sidecar } from '../../control-plane/ports.ts';
import { FailureStreak } from '../../sidecar/failure-streak.ts';

/** How the containers of a world are, by id; it outlives the sidecars that ask. */
export class Health {
  /** Readiness fails at present. */
  readonly unready = new Set<string>();
  /** Liveness fails at present. */
  readonly hung = new Set<string>();
  /** Liveness failed at some time, by the container's own fault. */
  readonly everHung = new Set<string>();
  /** It really lost sight of its devices at some time. */
  readonly everBlind = new Set<string>();
  /** A probe really passed, in this life of the control plane or an earlier one. */
  readonly everPassed = new Set<string>();
  /** What containers say of their load, and since when it is so; those that are not here say nothing. */
  readonly load = new Map<string, { readonly inFlight: number; readonly since: number }>();
  /** Nodes that the network does not reach, and since when. */
  readonly #cut = new Map<string, number>();
  #nodeOf: (containerId: string) => string | undefined = () => undefined;

  /** Tells on which node a container is, so that it can be cut off with it. */
  locate(nodeOf: (containerId: string) => string | undefined): void {
    this.#nodeOf = nodeOf;
  }

  hang(containerId: string): void {
    this.hung.add(containerId);
    this.everHung.add(containerId);
  }

  unreachable(node: string, now: number): void {
    if (!this.#cut.has(node)) this.#cut.set(node, now);
  }

  reachable(node: string): void {
    this.#cut.delete(node);
  }

  /** Since when nobody gets through to the container; null: the way is free. */
  cutSince(containerId: string): number | null {
    const node = this.#nodeOf(containerId);
    return (node === undefined ? undefined : this.#cut.get(node)) ?? null;
  }

  heal(): void {
    this.unready.clear();
    this.hung.clear();
    this.load.clear();
  }
}

/** As the real one's defaults: two readiness probes 2 s apart, three liveness probes 5 s apart, and what they wait. */
const UNREADY_AFTER_MS = 4_000;
const LIVENESS = { intervalMs: 5_000, timeoutMs: 1_000, failures: 3 };
const LOOK_MS = 1_000;

/** A sidecar without a network: a container passes its probes a moment after it is seen, unless a test says otherwise. */
export class FakeSidecar implements Sidecar {
  readonly #clock: Clock;
  readonly #health: Health;
  readonly #passAfterMs: number;
  readonly #passed = new Set<string>();
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  /** What liveness probes in a row said, which are made as the real one makes them, by container. */
  readonly #streaks = new Map<string, FailureStreak>();
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
    const wanted = new Set(targets.map(t => t.containerId));
    for (const id of this.#streaks.keys()) if (!wanted.has(id)) this.#streaks.delete(id);
    for (const { containerId, heardFrom } of targets) {
      const streak = this.#streaks.get(containerId);
      if (streak?.heard(heardFrom)) queueMicrotask(() => this.changed());
      if (!streak) void this.#keepLiveness(containerId, new FailureStreak(heardFrom));
    }
    for (const target of targets) {
      if (known.has(target.containerId) || this.#passed.has(target.containerId)) continue;
      if (target.resume) this.#passed.add(target.containerId);
      else void this.#pass(target.containerId);
    }
  }

  reports(): ReadonlyMap<string, ProbeReport> {
    return new Map(this.#targets.map(({ containerId }) => [containerId, this.#report(containerId)]));
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

  #report(containerId: string): ProbeReport {
    const { unready, load } = this.#health;
    const passed = this.#passed.has(containerId);
    const cutSince = this.#health.cutSince(containerId);
    const cutForMs = cutSince === null ? 0 : this.#clock.now() - cutSince;
    const isUnready = unready.has(containerId) || cutForMs >= UNREADY_AFTER_MS;
    const streak = this.#streaks.get(containerId);
    const isHung = (streak?.counted ?? 0) >= LIVENESS.failures;
    const doubtedSince = streak?.doubtedSince ?? null;
    const said = cutSince === null ? load.get(containerId) : undefined;
    return {
      containerId,
      startup: passed ? 'passed' : 'pending',
      warmup: passed ? 'done' : 'pending',
      readiness: !passed ? 'unknown' : isUnready ? 'failing' : 'passing',
      liveness: !passed ? 'unknown' : isHung ? 'failing' : 'passing',
      ...(isHung && { notAliveSince: streak?.failedAt ?? 0 }),
      ...(doubtedSince !== null && { doubtedSince }),
      ...(said === undefined
        ? {}
        : {
            load: {
              inFlight: said.inFlight,
              at: this.#clock.now(),
              idleSince: said.inFlight === 0 ? said.since : null,
            },
          }),
    };
  }

  /** Its failures outlast what caused them until the next probe, as they do in the real one. */
  async #keepLiveness(containerId: string, streak: FailureStreak): Promise<void> {
    this.#streaks.set(containerId, streak);
    const pause = (ms: number) => this.#clock.sleep(ms, this.#stop.signal).catch(() => {});
    const goesOn = () => !this.#stop.signal.aborted && this.#streaks.get(containerId) === streak;
    for (await pause(LIVENESS.intervalMs); goesOn(); await pause(LIVENESS.intervalMs)) {
      if (!this.#passed.has(containerId)) continue;
      const isAnswered = !this.#health.hung.has(containerId) && this.#health.cutSince(containerId) === null;
      if (isAnswered && streak.counted === 0 && streak.doubtedSince === null) continue;
      const begun = streak.begin();
      if (isAnswered) streak.passed();
      else {
        await pause(LIVENESS.timeoutMs);
        if (!goesOn()) return;
        streak.failed(begun, this.#clock.now());
      }
      this.changed();
    }
  }

  async #pass(containerId: string): Promise<void> {
    await this.#clock.sleep(this.#passAfterMs, this.#stop.signal).catch(() => {});
    while (!this.#stop.signal.aborted && this.#health.cutSince(containerId) !== null) {
      await this.#clock.sleep(LOOK_MS, this.#stop.signal).catch(() => {});
    }
    if (this.#stop.signal.aborted) return;
    this.#passed.add(containerId);
    this.#health.everPassed.add(containerId);
    this.changed();
  }
}
