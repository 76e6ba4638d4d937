import { UNREST } from '../../control-plane/controller/controller.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { Placement, Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { FakeContainer } from '../fakes/engine-node.ts';
import { asToldToLeave } from './as-told-to-leave.ts';
import { checkCapacity, checkLedger, checkTurn } from './device-safety.ts';
import { checkDrain, checkPlaced } from './placement-safety.ts';
import { checkLeftFor, checkLetGo } from './registry-safety.ts';
import { isClearedAway, placementInUse, runningOn, type Scene, serves } from './scene.ts';
import type { Run } from './simulated-machine.ts';
import type { Stored, Witness } from './witness.ts';

/**
 * The safety invariants of reliability.md, by what is seen from outside. Numbers in the messages are theirs; "rule" is one
 * of architecture.md. What a port sees is judged at that moment, and reported by the next check().
 */
export class Safety implements Witness {
  readonly #scene: () => Scene;
  readonly #violations: string[] = [];
  readonly #toldToStop = new Set<string>();
  #commits = { at: 0, count: 0 };
  /** Whether those might still be called whose end was decided while their service was deleted. */
  readonly #calledAtDeletion = new Map<string, boolean>();
  /** Replicas that drain because somebody wants them gone; the time that clients have counts from then, whatever happens. */
  readonly #hurried = new Set<string>();
  /** When the present life began. */
  #bornAt = 0;
  /** By the present life, and when first: what an earlier one has told nobody remembers, and it is told again in its turn. */
  readonly #toldNow = new Map<string, number>();
  /** Told to start by the present life and not answered yet, since when. */
  readonly #beginning = new Map<string, number>();

  constructor(scene: () => Scene) {
    this.#scene = scene;
  }

  /** Throws with the invariants that do not hold, or did not at some moment since the last call. */
  check(): void {
    const scene = this.#scene();
    for (const { machine, name } of scene.nodes)
      if (![...machine.containers.values()].some(c => c.name === 'foreign' && c.state === 'created'))
        this.#broken('4', `foreign was touched on ${name}`);
    const running = scene.nodes.flatMap(node => runningOn(node, scene.instance));
    for (const [replica, runs] of Map.groupBy(running, c => c.request.replicaId))
      if (runs.length > 1) this.#broken('1', `replica ${replica} runs ${runs.length} times`);
    checkCapacity(scene, this.#broken);
    checkLedger(scene, this.#broken);
    this.#checkGaps();
    this.#checkPublished();
    if (this.#violations.length > 0) throw new Error([...new Set(this.#violations)].join('\n'));
  }

  /** A control plane begins anew, and knows nothing of effects that are under way. */
  beginLife(): void {
    this.#bornAt = this.#scene().now();
    this.#toldNow.clear();
    this.#beginning.clear();
  }

  // ---- what ports see

  onStart(container: FakeContainer, _node: string): void {
    this.#checkTurn('start', container);
    this.#beginning.set(container.id, this.#scene().now());
  }

  onStartAnswered({ id }: FakeContainer): void {
    this.#beginning.delete(id);
  }

  onStop(container: FakeContainer, _node: string): void {
    const { id, request } = container;
    this.#toldToStop.add(id);
    if (!this.#toldNow.has(id)) this.#toldNow.set(id, this.#scene().now());
    const { hub, remote, stored, health } = this.#scene();
    const service = `${request.spec.namespace}/${request.spec.name}` as const;
    // Rule 6: whatever it is stopped for, it is published no more when it is told.
    if (hub?.snapshot(service).endpoints.some(e => e.containerId === id)) this.#broken('rule 6', `${id} is in the hub`);
    const replica = stored.replicasOf(service).find(r => r.id === request.replicaId);
    if (replica?.phase.kind !== 'stopping' || replica.phase.container?.id !== id) return;
    this.#checkTurn('stop', container);
    const { afterwards } = replica.phase;
    if (afterwards.kind === 'retried') {
      if (!health.everHung.has(id) && !health.everBlind.has(id))
        this.#broken('3', `${id} is well and was condemned: ${afterwards.cause.message}`);
      return;
    }
    // What was decided while its service was deleted stands, though that was applied anew before the engine heard of it.
    const calledAtEnd = this.#calledAtDeletion.get(replica.id);
    if (this.#mayTakeTime(replica, { isDeleted: calledAtEnd !== undefined }, stored)) {
      if (calledAtEnd ?? this.#mayBeCalled(replica, { isDeleted: false }))
        this.#broken('rule 6', `a client may still call ${id}`);
      if (remote?.handedOut(request.replicaId)?.metadata['container'] === id)
        this.#broken('rule 6', `the registry still has ${id}`);
    }
    if (container.state !== 'running') return;
    const isLetGoOf = calledAtEnd !== undefined || this.#hurried.has(replica.id);
    if (!isLetGoOf && this.#drainedFrom(replica, { isDeleted: false }) !== undefined)
      checkLetGo(this.#scene(), replica, this.#broken);
  }

  /** A loop that never waits would keep the test from ever ending; it is broken off, and told. */
  onCommit(): void {
    const now = this.#scene().now();
    this.#commits = { at: now, count: this.#commits.at === now ? this.#commits.count + 1 : 1 };
    if (this.#commits.count < MOST_COMMITS_AT_ONCE) return;
    if (this.#commits.count === MOST_COMMITS_AT_ONCE) this.#broken('10', 'the loop stores and stores, and never waits');
    throw new OutriggerError('unavailable', 'the simulation breaks off a loop that never waits');
  }

  /** The loop slows down before a test would never end. */
  onLog(line: string): void {
    if (line.includes(UNREST)) this.#broken('10', UNREST);
  }

  onReplica(before: Replica | null, after: Replica, stored: Stored): void {
    const scene = this.#scene();
    const service = stored.service(after.service);
    const all = stored.replicasOf(after.service);
    if (after.phase.kind === 'stopping' && before?.phase.kind !== 'stopping' && service?.removal) {
      this.#calledAtDeletion.set(after.id, this.#mayBeCalled(after, { isDeleted: true }));
    }
    const placement = placementInUse(after);
    const isPlaced = before?.phase.kind === 'pending' && placement !== null;
    if ((before === null || isPlaced) && service) this.#checkSurge(service, all);
    if (placement && !isSame(before && placementInUse(before), placement))
      checkPlaced(scene, after, placement, stored, this.#broken);
    if (after.phase.kind === before?.phase.kind) return;
    const leaving = asToldToLeave(before, after);
    if (leaving) {
      if (['deleted', 'preempted'].includes(leaving.phase.reason)) this.#hurried.add(after.id);
      checkDrain(scene, { before, after: leaving, service, stored }, this.#broken);
      checkLeftFor(scene, { before, after: leaving }, this.#broken);
    }
    const held = before && 'container' in before.phase ? before.phase.container : null;
    if (after.phase.kind === 'lost' && held) this.#checkLost(before as Replica, held.id);
    // Unknown is not dead: what is told as ended has ended.
    if (after.phase.kind !== 'backoff' && after.phase.kind !== 'failed') return;
    const container = held && scene.nodes.map(n => n.machine.containers.get(held.id)).find(c => c !== undefined);
    if (container?.state === 'running') this.#broken('3', `${after.id} ${after.phase.cause.message}, and it runs`);
  }

  // ---- single invariants

  /** Clients are told that it drains, and may take their time still. */
  #mayTakeTime(replica: Replica, { isDeleted }: { isDeleted: boolean }, stored: Stored): boolean {
    const drainedFrom = this.#drainedFrom(replica, { isDeleted });
    // How long they may take is a policy: a later file may have changed it for the container that is there.
    const drainMs = stored.specOf(replica.service, replica.generation)?.drain.timeoutMs ?? 0;
    return drainedFrom !== undefined && this.#scene().now() < drainedFrom + drainMs;
  }

  #mayBeCalled({ service, phase }: Replica, { isDeleted }: { isDeleted: boolean }): boolean {
    const id = phase.kind === 'stopping' ? phase.container?.id : undefined;
    return id !== undefined && this.#scene().watchers.mayCall(service, id, { isDeleted });
  }

  /** Since when clients can know that it drains. What an earlier life told of it, if anything, is told again by this one. */
  #drainedFrom({ id, timings }: Replica, { isDeleted }: { isDeleted: boolean }): number | undefined {
    const at = (phase: string) => timings.findLast(t => t.phase === phase)?.at;
    const drainedFrom = at('draining');
    // What was stored at the instant of a crash is of the life before.
    const isOfThisLife = (at('stopping') ?? 0) > this.#bornAt;
    const isAwaited = isOfThisLife && !isDeleted && !this.#hurried.has(id);
    return drainedFrom !== undefined && isAwaited ? Math.max(drainedFrom, this.#bornAt) : drainedFrom;
  }

  #checkTurn(what: 'start' | 'stop', container: FakeContainer): void {
    const told = { toldToStart: this.#beginning, toldToStop: this.#toldNow };
    checkTurn(this.#scene(), { what, container, ...told }, this.#broken);
  }

  /**
   * What nobody can end, because its node does not answer, stands in nobody's way, nor does what only waits for a place, or
   * has given up and is cleared away.
   */
  #checkSurge(service: Service, all: readonly Replica[]): void {
    const { order, maxSurge } = service.spec.update;
    const most = service.replicas + (order === 'stop-first' ? 0 : maxSurge);
    // What a paused update has failed with takes nothing, and stays for people to look at.
    const isLeftFailed = ({ phase }: Replica) => service.rollout.kind === 'paused' && phase.kind === 'failed';
    const takesNothing = (r: Replica) => r.phase.kind === 'pending' || isPlaceless(r) || isLeftFailed(r);
    const counted = all.filter(r => !takesNothing(r) && !isClearedAway(r) && !this.#isOutOfSight(r));
    const waiting = all.filter(r => r.phase.kind === 'pending');
    if (waiting.length > Math.max(1, service.replicas)) this.#broken('1', `${service.key}: ${waiting.length} wait`);
    if (counted.length > most) this.#broken('1', `${service.key} has ${counted.length} replicas, ${most} may be`);
  }

  #isOutOfSight(replica: Replica): boolean {
    const { phase } = replica;
    if (phase.kind === 'lost') return true;
    if (phase.kind !== 'draining' && phase.kind !== 'stopping') return false;
    const node = this.#scene().nodes.find(n => n.name === phase.placement.node);
    // A life that began since it was taken out of the file does not know it at all.
    return node?.isKnownToAnswer !== true;
  }

  /** A probe that passes over the network is proof of life. */
  #checkLost(before: Replica, containerId: string): void {
    const { health } = this.#scene();
    if (serves(before) && !health.unready.has(containerId) && health.cutSince(containerId) === null)
      this.#broken('3', `${before.id} serves and was taken for lost`);
  }

  /** The floor after the n-th run that ended in a row: 10 s doubling to 5 min, less a tenth. */
  #checkGaps(): void {
    const all = this.#scene().nodes.flatMap(({ machine }) => [...machine.runs]);
    for (const [replica, ofNodes] of Map.groupBy(all, ([id]) => id)) {
      const runs: Run[] = ofNodes.flatMap(([, some]) => some).sort((a, b) => a.startedAt - b.startedAt);
      let failures = 0;
      for (const [i, run] of runs.entries()) {
        const before = runs[i - 1];
        // A start that lay in a hung engine's queue may meet a container that has ended since: not a start of ours.
        if (!before || before.containerId === run.containerId || before.endedAt === null) continue;
        // Its end may be noticed late, while the disk is full; until then it counts as ready, at most until it is begun anew.
        failures = run.startedAt - before.startedAt >= FORGIVEN_AFTER_MS ? 1 : failures + 1;
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

  readonly #broken = (which: string, words: string): void => {
    this.#violations.push(`${which}: ${words} (at ${this.#scene().now()})`);
  };
}

/** Ready for so long, a replica is forgiven its failures. */
const FORGIVEN_AFTER_MS = 600_000;

const MOST_COMMITS_AT_ONCE = 1_000;

function isSame(a: Placement | null, b: Placement): boolean {
  return a !== null && a.node === b.node && a.devices.join() === b.devices.join();
}

/** It was refused its image, and never took any place. */
function isPlaceless({ phase }: Replica): boolean {
  return phase.kind === 'failed' && phase.isPlaceless === true;
}
