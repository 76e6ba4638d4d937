import { heldPlacement, type Placement, type Replica } from '../../control-plane/core/replica.ts';
import type { DiscoveryHub } from '../../control-plane/registry/hub.ts';
import type { FakeContainer } from '../fakes/engine-node.ts';
import type { FakeRegistry } from '../fakes/registry.ts';
import type { Health } from './fake-sidecar.ts';
import type { SimulatedNode } from './simulated-node.ts';
import type { Watchers } from './watchers.ts';
import type { Stored } from './witness.ts';

/** What the judges look at; the present life's parts are null while the control plane is dead. */
export interface Scene {
  readonly now: () => number;
  readonly instance: string;
  readonly nodes: readonly SimulatedNode[];
  readonly health: Health;
  readonly stored: Stored;
  readonly watchers: Watchers;
  readonly hub: DiscoveryHub | null;
  readonly remote: FakeRegistry | null;
}

/** Says that an invariant does not hold: its number in reliability.md, or the rule of architecture.md, and what was seen. */
export type Broken = (which: string, words: string) => void;

export function nodeOf(scene: Scene, name: string): SimulatedNode | undefined {
  return scene.nodes.find(n => n.name === name);
}

export function runningOn({ machine }: SimulatedNode, instance: string): FakeContainer[] {
  return [...machine.containers.values()].filter(c => c.instance === instance && c.state === 'running');
}

/** Of the generation that is wanted, and not to be replaced by another of it. */
export function isCurrent(replica: Replica, generation: number | undefined): boolean {
  return replica.generation === generation && !replica.replace;
}

/** On its way out for good. */
export function isLeaving({ phase }: Replica): boolean {
  return phase.kind === 'draining' || (phase.kind === 'stopping' && phase.afterwards.kind === 'stopped');
}

export function serves({ phase }: Replica): boolean {
  return phase.kind === 'ready' && !phase.impaired;
}

/** Its probes pass, and not only as far as was known when it was last stored. */
export function isWell({ health }: Scene, { phase }: Replica): boolean {
  const id = 'container' in phase ? (phase.container?.id ?? '') : '';
  return !health.unready.has(id) && !health.hung.has(id) && health.cutSince(id) === null;
}

/** It had given up, so that nothing of it runs, and what is left of it is cleared away. */
export function isClearedAway({ phase, timings }: Replica): boolean {
  return phase.kind === 'stopping' && phase.container === null && timings.some(t => t.phase === 'failed');
}

/** What it takes of its node. One that had given up, and is only cleared away, takes nothing more. */
export function placementInUse(replica: Replica): Placement | null {
  return isClearedAway(replica) ? null : heldPlacement(replica);
}
