import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { DiscoveryHub } from '../../control-plane/registry/hub.ts';
import type { FakeContainer } from '../fakes/engine-node.ts';
import type { FakeRegistry } from '../fakes/registry.ts';
import type { Health } from './fake-sidecar.ts';
import type { Watchers } from './watchers.ts';
import type { Stored, Witness, WitnessedNode } from './witness.ts';

/** What the judge looks at; the present life's parts are null while the control plane is dead. */
export interface Scene {
  readonly now: () => number;
  readonly instance: string;
  readonly cpus: number;
  readonly machine: WitnessedNode;
  readonly health: Health;
  readonly stored: Stored;
  readonly watchers: Watchers;
  readonly hub: DiscoveryHub | null;
  readonly remote: FakeRegistry | null;
}

/**
 * The safety invariants of reliability.md, by what is seen from outside. Numbers in the messages are theirs; "rule" is one
 * of architecture.md. What a port sees is judged at that moment, and reported by the next check().
 */
export class Safety implements Witness {
  readonly #scene: () => Scene;
  readonly #violations: string[] = [];
  readonly #toldToStop = new Set<string>();

  constructor(scene: () => Scene) {
    this.#scene = scene;
  }

  /** Throws with the first invariant that does not hold. */
  check(): void {
    const scene = this.#scene();
    const { machine, instance } = scene;
    const containers = [...machine.containers.values()];
    if (!containers.some(c => c.name === 'foreign' && c.state === 'created')) this.#broken('4', 'foreign was touched');
    const running = containers.filter(c => c.instance === instance && c.state === 'running');
    for (const [replica, runs] of Map.groupBy(running, c => c.request.replicaId))
      if (runs.length > 1) this.#broken('1', `replica ${replica} runs ${runs.length} times`);
    this.#checkCapacity(running);
    this.#checkGaps();
    this.#checkPublished();
    if (this.#violations.length > 0) throw new Error(this.#violations.join('\n'));
  }

  // ---- what ports see

  onStop(container: FakeContainer): void {
    const { id, request } = container;
    this.#toldToStop.add(id);
    const { hub, remote, watchers, stored, now, health } = this.#scene();
    const service = `${request.spec.namespace}/${request.spec.name}` as const;
    // Rule 6: whatever it is stopped for, it is published no more when it is told.
    if (hub?.snapshot(service).endpoints.some(e => e.containerId === id)) this.#broken('rule 6', `${id} is in the hub`);
    const replica = stored.replicasOf(service).find(r => r.id === request.replicaId);
    if (replica?.phase.kind !== 'stopping' || replica.phase.container?.id !== id) return;
    const { afterwards } = replica.phase;
    if (afterwards.kind === 'retried') {
      if (!health.everHung.has(id)) this.#broken('3', `${id} is well and was condemned: ${afterwards.cause.message}`);
      return;
    }
    const drainedFrom = replica.timings.findLast(t => t.phase === 'draining')?.at;
    // How long clients may take is a policy: a later file may have changed it for the container that is there.
    const drainMs = stored.specOf(service, replica.generation)?.drain.timeoutMs ?? 0;
    if (drainedFrom === undefined || now() >= drainedFrom + drainMs) return;
    if (watchers.mayCall(service, id)) this.#broken('rule 6', `a client may still call ${id}`);
    if (remote && remote.held.get(request.replicaId)?.metadata['container'] === id)
      this.#broken('rule 6', `the registry still has ${id}`);
  }

  onReplica(before: Replica | null, after: Replica, stored: Stored): void {
    const service = stored.service(after.service);
    const all = stored.replicasOf(after.service);
    if (before === null && service) this.#checkSurge(service, all);
    if (after.phase.kind === before?.phase.kind) return;
    if (after.phase.kind === 'draining') this.#checkDrain(after, service, all);
    // Unknown is not dead: what is told as ended has ended.
    if (after.phase.kind !== 'backoff' && after.phase.kind !== 'failed') return;
    const held = before && 'container' in before.phase ? before.phase.container : null;
    const container = held && this.#scene().machine.containers.get(held.id);
    if (container?.state === 'running') this.#broken('3', `${after.id} ${after.phase.cause.message}, and it runs`);
  }

  // ---- single invariants

  #checkSurge(service: Service, all: readonly Replica[]): void {
    const { order, maxSurge } = service.spec.update;
    const most = service.replicas + (order === 'stop-first' ? 0 : maxSurge);
    if (all.length > most) this.#broken('1', `${service.key} has ${all.length} replicas, ${most} may be`);
  }

  #checkDrain(replica: Replica, service: Service | null, all: readonly Replica[]): void {
    const current = (r: Replica) => r.generation === service?.generation && !r.replace;
    const leaving = (r: Replica) =>
      r.phase.kind === 'draining' || (r.phase.kind === 'stopping' && r.phase.afterwards.kind === 'stopped');
    if (!service || service.removal || !current(replica)) return;
    const kept = all.filter(r => current(r) && !leaving(r)).length;
    if (kept < service.replicas)
      this.#broken(
        '3',
        `${replica.id} of ${service.key} was told to leave, and ${kept} of ${service.replicas} are left`,
      );
  }

  #checkCapacity(running: readonly FakeContainer[]): void {
    const holders = new Map<string, string>();
    let cpus = 0;
    for (const { request } of running) {
      cpus += request.spec.resources.cpus;
      for (const device of request.placement.devices) {
        const other = holders.get(device);
        if (other !== undefined) this.#broken('2', `${device} is held by ${other} and ${request.replicaId}`);
        holders.set(device, request.replicaId);
      }
    }
    if (cpus > this.#scene().cpus) this.#broken('2', `${cpus} of ${this.#scene().cpus} CPUs are in use`);
  }

  /** The floor after the n-th run that ended in a row: 10 s doubling to 5 min, less a tenth. */
  #checkGaps(): void {
    for (const [replica, runs] of this.#scene().machine.runs) {
      let failures = 0;
      for (const [i, run] of runs.entries()) {
        const before = runs[i - 1];
        // A start that lay in a hung engine's queue may meet a container that has ended since: not a start of ours.
        if (!before || before.containerId === run.containerId || before.endedAt === null) continue;
        failures = before.endedAt - before.startedAt >= 600_000 ? 1 : failures + 1;
        const floorMs = Math.min(10_000 * 2 ** (failures - 1), 300_000) * 0.9;
        const gapMs = run.startedAt - before.endedAt;
        if (gapMs < floorMs - 1) this.#broken('7', `${replica} came back after ${gapMs} ms, the floor is ${floorMs}`);
      }
    }
  }

  #checkPublished(): void {
    const { hub, health } = this.#scene();
    for (const service of hub?.services() ?? []) {
      for (const { containerId } of hub?.snapshot(service).endpoints ?? []) {
        if (this.#toldToStop.has(containerId)) this.#broken('5', `${containerId} is published and was told to stop`);
        if (!health.everPassed.has(containerId)) this.#broken('5', `${containerId} is published and never passed`);
      }
    }
  }

  #broken(which: string, words: string): void {
    this.#violations.push(`${which}: ${words}`);
  }
}
