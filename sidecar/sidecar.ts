import type { ProbeReport } from '../control-plane/core/observed.ts';
import type { Clock, ProbeTarget, Sidecar } from '../control-plane/ports.ts';
import { Slots } from '../control-plane/slots.ts';
import { Beats } from './beats.ts';
import { Prober } from './prober.ts';

export interface SidecarOptions {
  readonly clock: Clock;
  /** A number in [0, 1), for jitter. Math.random by default. */
  readonly random?: () => number;
  /** How many probes may be in their busy first moments at once; hung ones do not count. */
  readonly concurrency?: number;
}

/** Probes, warms up and reads the load of the containers it is told to look after. Embedded or alone on a node. */
export function createSidecar(options: SidecarOptions): Sidecar {
  const { clock, random = Math.random, concurrency = 64 } = options;
  const slots = new Slots({ clock, limit: concurrency, busyMs: BUSY_MS });
  const beats = new Beats({ clock, random });
  const probers = new Map<string, Prober>();
  const ending = new Set<Promise<void>>();
  const listeners = new Set<() => void>();
  let announcement: NodeJS.Immediate | undefined;
  let closed = false;

  // Answers that arrive together are told once: each telling wakes the controller's loop.
  const announce = () => {
    if (closed) return;
    announcement ??= setImmediate(() => {
      announcement = undefined;
      for (const listener of [...listeners]) listener();
    });
  };

  const stop = (containerId: string, prober: Prober) => {
    probers.delete(containerId);
    const ended = prober.stop();
    ending.add(ended);
    void ended.finally(() => ending.delete(ended));
  };

  return {
    target(targets: readonly ProbeTarget[]) {
      if (closed) return;
      const wanted = new Set(targets.map(target => target.containerId));
      for (const [containerId, prober] of probers) if (!wanted.has(containerId)) stop(containerId, prober);
      for (const target of targets) {
        const known = probers.get(target.containerId);
        if (known) known.update(target);
        else probers.set(target.containerId, new Prober(target, { clock, beats, slots, onReport: announce }));
      }
    },

    reports(): ReadonlyMap<string, ProbeReport> {
      return new Map([...probers].map(([containerId, prober]) => [containerId, prober.report]));
    },

    onChange(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async close() {
      closed = true;
      if (announcement) clearImmediate(announcement);
      listeners.clear();
      for (const [containerId, prober] of probers) stop(containerId, prober);
      await Promise.all(ending);
    },
  };
}

/** A probe that has run for so long waits for an answer. */
const BUSY_MS = 100;
