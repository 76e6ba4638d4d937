import { type ProbeHost, probeHosts } from '../endpoint.ts';
import type { ObservedContainer } from '../observed.ts';
import { containerOf, placementOf, type Replica } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';

/** A container that the sidecar should look after. */
export interface Probed {
  readonly replica: Replica;
  readonly spec: ServiceSpec;
  /** Absent where it is known by what is stored alone: its node did not answer since we began. */
  readonly container?: ObservedContainer;
  readonly containerId: string;
  readonly hosts: readonly ProbeHost[];
  /** When the newest answered listing of its node began; null: the node does not answer. */
  readonly heardFrom: number | null;
  /** It was past start-up and warm-up already. */
  readonly resume: boolean;
  /** Everybody who could call it has confirmed that it left. */
  readonly withdrawn: boolean;
}

/** All that run, also what was lost: a probe that passes is how it is found while its engine is still silent. */
export function probedIn(world: World): Probed[] {
  return [...world.replicas.values()].flatMap((replica): Probed[] => {
    const container = containerOf(replica);
    const placement = placementOf(replica);
    const { kind } = replica.phase;
    const spec = world.keptSpec(replica.service, replica.generation);
    if (!container || !placement || !spec || kind === 'stopping') return [];
    const resume = kind === 'ready' || kind === 'draining' || replica.hasServed;
    const seen = world.containersOf(replica.id).find(l => l.container.id === container.id)?.container;
    const node = world.nodes.node(placement.node);
    const heardFrom = node?.answering ? node.listedFrom : null;
    const withdrawn = kind === 'draining' && world.observed.withdrawn(replica.service, replica.id);
    const common = { replica, spec, containerId: container.id, heardFrom, resume, withdrawn };
    if (seen && node) {
      if (seen.state !== 'running') return [];
      return [{ ...common, container: seen, hosts: probeHosts(spec, seen, { known: replica.addresses, node }) }];
    }
    // After a restart of ours beside an engine that is away, what is stored says where it is.
    if (node?.answering || !replica.hasServed || replica.addresses.length === 0) return [];
    const hosts = replica.addresses.map(({ kind: way, host, port }) => ({
      host,
      portOf: way === 'network' ? null : { [spec.port ?? port]: port },
    }));
    return [{ ...common, hosts }];
  });
}
