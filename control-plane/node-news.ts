import { type DeviceUse, deviceUses } from './core/device-use.ts';
import type { Observed, ObservedNode } from './core/observed.ts';
import type { Plan } from './core/reconcile.ts';
import type { ServiceKey, ServiceSpec } from './core/spec.ts';
import type { Event } from './ports.ts';

/** What is told of nodes that no stored state says: their silence, their leaving, and devices used other than declared. */
export class NodeNews {
  #told: Told = { nodes: new Map(), uses: new Map() };

  /** What is new since the last time; `told` remembers it, once it is stored. */
  look(
    plan: Pick<Plan, 'replicas'> & { specOf: (service: ServiceKey, generation: number) => ServiceSpec | undefined },
    observed: Observed,
    now: number,
  ): { readonly events: readonly Event[]; readonly told: () => void } {
    const nodes = new Map([...observed.nodes].map(([name, node]) => [name, this.#stateOf(node, now)]));
    // Where nothing can be said at present, what was said last stands while the device is there.
    const listed = new Set([...observed.nodes.values()].flatMap(n => n.devices.map(d => `${n.name} ${d.id}`)));
    const kept = [...this.#told.uses].filter(([key]) => listed.has(key));
    const uses = new Map([...kept, ...deviceUses(plan, observed, now)]);
    const events = [...this.#nodeEvents(nodes, observed, now), ...this.#useEvents(uses, now)];
    return {
      events,
      told: () => {
        this.#told = { nodes, uses };
      },
    };
  }

  /** Since when it has been silent, for as long that it is worth telling. */
  #stateOf({ name, silentSince, leaving }: ObservedNode, now: number): NodeState {
    const before = this.#told.nodes.get(name)?.silentSince ?? null;
    const isTold = silentSince !== null && (before !== null || now - silentSince >= TOLD_AFTER_MS);
    return { silentSince: isTold ? silentSince : null, leaving };
  }

  #nodeEvents(nodes: Told['nodes'], observed: Observed, at: number): Event[] {
    const events: Event[] = [];
    const tell = (node: string, type: string, message: string) => events.push({ at, node, type, message });
    for (const [name, { silentSince, leaving }] of nodes) {
      const before = this.#told.nodes.get(name);
      const silentBefore = before?.silentSince ?? null;
      if (silentSince !== null && silentBefore === null)
        tell(name, 'node.silent', observed.nodes.get(name)?.error ?? 'it does not answer');
      if (silentSince === null && silentBefore !== null)
        tell(name, 'node.answering', `after ${Math.round((at - silentBefore) / 1_000)} s of silence`);
      if (leaving && before && !before.leaving)
        tell(name, 'node.leaving', 'it is not configured any more; its replicas move away');
    }
    for (const name of this.#told.nodes.keys())
      if (!nodes.has(name)) tell(name, 'node.left', 'nothing is waited for there any more');
    return events;
  }

  #useEvents(uses: Told['uses'], at: number): Event[] {
    return [...uses].flatMap(([key, { node, device: _, verdict, message }]) => {
      const before = this.#told.uses.get(key)?.verdict ?? 'as_declared';
      return verdict === before || verdict === 'as_declared' ? [] : [{ at, node, type: `device.${verdict}`, message }];
    });
  }
}

interface Told {
  readonly nodes: ReadonlyMap<string, NodeState>;
  readonly uses: ReadonlyMap<string, DeviceUse>;
}

interface NodeState {
  readonly silentSince: number | null;
  readonly leaving: boolean;
}

/** An engine that is restarted is silent for a moment, and nothing follows from that. */
const TOLD_AFTER_MS = 3_000;
