import { currentId, givenDevice, isSameDevice } from '../core/node.ts';
import { type DeviceUse, deviceUses } from '../core/nodes/device-use.ts';
import type { NameChanges } from '../core/nodes/name-changes.ts';
import type { Observed, ObservedDevice, ObservedNode } from '../core/observed.ts';
import { isNamedByUs } from '../core/own-containers.ts';
import type { Plan } from '../core/plan/plan.ts';
import { givenDevices, heldPlacement, type Replica } from '../core/replica.ts';
import type { ServiceKey, ServiceSpec } from '../core/spec.ts';
import type { Event } from '../ports.ts';

/**
 * What is told of nodes that no stored state says: their coming, their silence, their leaving, and devices that vanish, come
 * back, or are used other than declared.
 */
export class NodeNews {
  #told: Told | null = null;
  /** Names that nodes had before. */
  readonly #formerNames = new Set<string>();

  /** Nodes have other names now. */
  renamed({ goesOn, deprived }: NameChanges): void {
    for (const name of [...goesOn.keys(), ...deprived.keys()]) this.#formerNames.add(name);
  }

  /** What is new since the last time; `told` remembers it, once it is stored. */
  look(
    plan: Pick<Plan, 'replicas'> & { specOf: (service: ServiceKey, generation: number) => ServiceSpec | undefined },
    observed: Observed,
    now: number,
  ): { readonly events: readonly Event[]; readonly told: () => void } {
    const nodes = new Map([...observed.nodes].map(([name, node]) => [name, this.#toldOf(node, plan.replicas, now)]));
    // Where nothing can be said at present, what was said last stands while the device is there.
    const listed = new Set([...observed.nodes.values()].flatMap(n => n.devices.map(d => `${n.name} ${d.id}`)));
    const kept = [...(this.#told?.uses ?? [])].filter(([key]) => listed.has(key));
    const uses = new Map([...kept, ...deviceUses(plan, observed, now)]);
    const events = [
      ...this.#nodeEvents(nodes, observed, now),
      ...this.#deviceEvents(nodes, observed, { replicas: plan.replicas, at: now }),
      ...this.#useEvents(uses, now),
    ];
    return {
      events,
      told: () => {
        this.#told = { nodes, uses };
        this.#formerNames.clear();
      },
    };
  }

  /** What is to be told of it by now. */
  #toldOf(node: ObservedNode, replicas: ReadonlyMap<string, Replica>, now: number): ToldNode {
    const { name, answering, silentSince, leaving, connection } = node;
    const before = this.#told?.nodes.get(name);
    const isTold =
      silentSince !== null && ((before?.silentSince ?? null) !== null || now - silentSince >= TOLD_AFTER_MS);
    const running = node.containers.filter(c => c.state === 'running' && isNamedByUs(c)).length;
    const held = [...replicas.values()].filter(r => heldPlacement(r)?.node === name && 'container' in r.phase).length;
    // Replicas of a node that cannot be reached are forgotten before it is.
    const unheard = answering ? 0 : Math.max(running, held, before?.unheard ?? 0);
    return { silentSince: isTold ? silentSince : null, leaving, connection, unheard, vanished: node.vanished };
  }

  #nodeEvents(nodes: Told['nodes'], observed: Observed, at: number): Event[] {
    const events: Event[] = [];
    const tell = (node: string, type: string, message: string) => events.push({ at, node, type, message });
    for (const [name, { silentSince, leaving }] of nodes) {
      const before = this.#told?.nodes.get(name);
      // At the first look all are as they were left.
      if (this.#told && !before) tell(name, 'node.joined', observed.nodes.get(name)?.connection ?? '');
      const silentBefore = before?.silentSince ?? null;
      if (silentSince !== null && silentBefore === null)
        tell(name, 'node.silent', observed.nodes.get(name)?.error ?? 'it does not answer');
      if (silentSince === null && silentBefore !== null)
        tell(name, 'node.answering', `after ${Math.round((at - silentBefore) / 1_000)} s of silence`);
      if (leaving && before && !before.leaving)
        tell(name, 'node.leaving', 'it is not configured any more; its replicas move away');
    }
    for (const [name, before] of this.#told?.nodes ?? [])
      if (!nodes.has(name)) tell(name, 'node.left', this.#formerNames.has(name) ? RENAMED : farewellTo(before));
    return events;
  }

  /** At the first look, and of a node that has just joined, all are as they were left. */
  #deviceEvents(
    nodes: Told['nodes'],
    observed: Observed,
    { replicas, at }: { replicas: ReadonlyMap<string, Replica>; at: number },
  ): Event[] {
    return [...nodes].flatMap(([name, { vanished }]) => {
      const before = this.#told?.nodes.get(name);
      const node = observed.nodes.get(name);
      if (!before || !node) return [];
      const gone = vanished.filter(d => !before.vanished.some(b => isSameDevice(b, d)));
      const back = before.vanished.filter(b => node.devices.some(d => isSameDevice(b, d)));
      return [
        ...gone.map((device): Event => {
          const holders = holdersOf(device, node, replicas);
          const held =
            holders.length === 0 ? '' : `; ${holders.join(', ')} had it and ${holders.length === 1 ? 'goes' : 'go'} on`;
          const message = `${device.id} is not listed by its node any more, and given to nobody${held}`;
          return { at, node: name, type: 'device.vanished', message };
        }),
        ...back.map(({ id }): Event => {
          return { at, node: name, type: 'device.listed', message: `${id} is listed by its node again` };
        }),
      ];
    });
  }

  #useEvents(uses: Told['uses'], at: number): Event[] {
    return [...uses].flatMap(([key, { node, verdict, message }]) => {
      const before = this.#told?.uses.get(key)?.verdict ?? 'as_declared';
      return verdict === before || verdict === 'as_declared' ? [] : [{ at, node, type: USE_EVENTS[verdict], message }];
    });
  }
}

interface Told {
  readonly nodes: ReadonlyMap<string, ToldNode>;
  readonly uses: ReadonlyMap<string, DeviceUse>;
}

/** A node as it was told of last, for comparison with what is seen of it. */
interface ToldNode {
  /** Null also while it is silent for too short a time to be told of. */
  readonly silentSince: number | null;
  readonly leaving: boolean;
  readonly connection: string;
  /** How many containers of ours may run there while nobody hears of them; 0 while it answers. */
  readonly unheard: number;
  readonly vanished: readonly ObservedDevice[];
}

const USE_EVENTS = { overused: 'device.overused', underused: 'device.underused' } as const;

/** The replicas that were given the device, as `namespace/service replica`. */
function holdersOf(device: ObservedDevice, node: ObservedNode, replicas: ReadonlyMap<string, Replica>): string[] {
  const id = currentId(node, givenDevice(device));
  const holds = (replica: Replica) => {
    const placement = heldPlacement(replica);
    return placement?.node === node.name && givenDevices(placement).some(d => currentId(node, d) === id);
  };
  return [...replicas.values()].filter(holds).map(r => `${r.service} ${r.id}`);
}

const RENAMED = 'it goes on under another name';

function farewellTo({ unheard }: ToldNode): string {
  if (unheard === 0) return 'nothing is waited for there any more';
  const what = unheard === 1 ? '1 container of ours' : `${unheard} containers of ours`;
  return `it does not answer: ${what} may still run there, with their devices, and nobody looks after them; name the node in the nodes file again to have them ended once it answers, or end there what "docker ps --filter label=dev.outrigger.instance" lists`;
}

/** An engine that is restarted is silent for a moment, and nothing follows from that. */
const TOLD_AFTER_MS = 3_000;
