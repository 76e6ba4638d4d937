import { effectiveProbes } from '../../control-plane/core/effective-probes.ts';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import type { Phase, Placement, Replica } from '../../control-plane/core/replica.ts';
import type { GpuRequest } from '../../control-plane/core/spec.ts';
import type { FakeContainer } from '../fakes/engine-node.ts';
import { setupId } from './device-names.ts';
import { type Broken, nodeOf, placementInUse, runningOn, type Scene } from './scene.ts';
import type { SimulatedNode } from './simulated-node.ts';
import type { Stored } from './witness.ts';

/** Who has a part of a device: all of it, where `bytes` is null. */
interface Part {
  readonly holder: string;
  readonly bytes: number | null;
}

/** Invariant 2 by what runs: nobody has more of a node than there is. */
export function checkCapacity(scene: Scene, broken: Broken): void {
  for (const node of scene.nodes) {
    const running = runningOn(node, scene.instance);
    const cpus = running.reduce((sum, c) => sum + c.request.spec.resources.cpus, 0);
    if (cpus > node.setup.cpus) broken('2', `${cpus} of ${node.setup.cpus} CPUs of ${node.name} are in use`);
    const parts = new Map<string, Part[]>();
    for (const { request } of running) {
      for (const device of request.placement.devices.map(setupId)) {
        const part = { holder: request.replicaId, bytes: bytesOf(request.spec.resources.gpu) };
        parts.set(device, [...(parts.get(device) ?? []), part]);
      }
    }
    checkDevices(node, parts, 'runs with', broken);
  }
}

/** Invariant 2 by what is stored: from the intent to the observed exit, with what gave up left out. */
export function checkLedger(scene: Scene, broken: Broken): void {
  const { stored } = scene;
  const held = stored.replicas().flatMap(replica => {
    const placement = placementInUse(replica);
    const gpu = stored.specOf(replica.service, replica.generation)?.resources.gpu;
    return placement ? [{ replica, placement, bytes: bytesOf(gpu) }] : [];
  });
  for (const node of scene.nodes) {
    const parts = new Map<string, Part[]>();
    for (const { replica, placement, bytes } of held) {
      if (placement.node !== node.name) continue;
      for (const device of placement.devices.map(setupId))
        parts.set(device, [...(parts.get(device) ?? []), { holder: replica.id, bytes }]);
    }
    checkDevices(node, parts, 'is held by', broken);
  }
}

/** A stop waits no longer than this for a start. */
const STOP_PATIENCE_MS = 10_000;
/** A start waits no longer than this for a stop that was told, nor for a start that should have ended. */
const END_PATIENCE_MS = 150_000;

/**
 * One start at a time of those who share a device, none while one stops, no stop in the first moments of a start, and no
 * start where its memory was not free. What is only created, as its start was refused, or was ready before, starts nothing.
 * @param toldToStart when each container was told, by id, as is toldToStop
 */
export function checkTurn(
  scene: Scene,
  {
    what,
    container,
    toldToStart,
    toldToStop,
  }: {
    what: 'start' | 'stop';
    container: FakeContainer;
    toldToStart: ReadonlyMap<string, number>;
    toldToStop: ReadonlyMap<string, number>;
  },
  broken: Broken,
): void {
  const { replicaId, placement, spec } = container.request;
  const now = scene.now();
  const running = new Map(scene.nodes.flatMap(n => runningOn(n, scene.instance)).map(c => [c.id, c]));
  const bytes = bytesOf(spec.resources.gpu);
  if (bytes === null) return;
  // A request that was given up may be made again, for what has begun long ago.
  if (what === 'start' && container.state === 'running') return;
  const stored = scene.stored.replicas().find(r => r.id === replicaId)?.phase;
  const isPatient = what === 'start' || (stored?.kind === 'stopping' && now < stored.since + STOP_PATIENCE_MS);
  for (const device of placement.devices) {
    for (const other of sharing(scene.stored, placement.node, device)) {
      const { id, phase } = other;
      if (id === replicaId) continue;
      const begun = phase.kind === 'starting' || phase.kind === 'warming' ? phase.container.id : undefined;
      const begunAt = begun === undefined ? undefined : toldToStart.get(begun);
      const runs = begun === undefined ? undefined : running.get(begun);
      const isOnItsWay = runs !== undefined && now < startEndsBy(runs, phase);
      const begins = !other.hasServed && (isOnItsWay || begunAt !== undefined);
      const ending = phase.kind === 'stopping' && phase.container ? phase.container.id : '';
      const toldAt = running.has(ending) ? toldToStop.get(ending) : undefined;
      const ends = toldAt !== undefined && now < toldAt + END_PATIENCE_MS;
      // However long it waited for it, it does not go together with one that begins, which would have waited for it.
      const isAtOnce = what === 'stop' && toldToStop.get(container.id) === now && begunAt === now;
      if (begins && (isPatient || isAtOnce))
        broken('2', `${replicaId} was told to ${what} on ${device} while ${id} is ${phase.kind}`);
      if (ends && what === 'start') broken('2', `${replicaId} was told to start on ${device} while ${id} is stopping`);
    }
    if (what === 'start') checkMemoryIsFree(scene, placement, device, bytes, broken);
  }
}

/** When a start that nobody ended should long have ended; found on a node that was lost, it is looked at anew from then on. */
function startEndsBy({ startedAt, request: { spec } }: FakeContainer, { kind, since }: Phase): number {
  if (kind === 'warming') return since + (spec.warmup?.deadlineMs ?? 0) + END_PATIENCE_MS;
  return Math.max(startedAt ?? since, since) + (effectiveProbes(spec).startup?.deadlineMs ?? 0) + END_PATIENCE_MS;
}

/** What a stranger took only now, nobody can have seen. */
const NOTICED_WITHIN_MS = 60_000;

function checkMemoryIsFree(scene: Scene, placement: Placement, device: string, bytes: number, broken: Broken): void {
  const free = freeOn(scene, placement.node, device);
  if (!free || free.bytes >= bytes || scene.now() - free.changedAt < NOTICED_WITHIN_MS) return;
  broken('2', `something starts on ${device} of ${placement.node} that needs ${bytes} bytes, ${free.bytes} are free`);
}

/** Whether it has a place on shared devices and not begun, and less is free on one of them than it declares, or was just now. */
export function lacksMemory(scene: Scene, { phase }: Replica, gpu: GpuRequest | undefined): boolean {
  const bytes = bytesOf(gpu);
  if (bytes === null || phase.kind !== 'creating') return false;
  return phase.placement.devices.some(device => {
    const free = freeOn(scene, phase.placement.node, device);
    return free !== null && (free.bytes < bytes || scene.now() - free.changedAt < NOTICED_WITHIN_MS);
  });
}

/** What really is free, and when somebody who is not ours last changed that. */
function freeOn(scene: Scene, name: string, device: string): { bytes: number; changedAt: number } | null {
  const machine = nodeOf(scene, name)?.machine;
  const listed = machine?.devices.find(d => setupId(d.id) === setupId(device));
  const used = machine?.usedBytes.get(listed?.id ?? device);
  if (!machine || used === undefined || listed?.memoryBytes === undefined) return null;
  return { bytes: listed.memoryBytes - used, changedAt: machine.strangerSince(device) };
}

function sharing(stored: Stored, node: string, device: string): Replica[] {
  return stored.replicas().filter(replica => {
    const placement = placementInUse(replica);
    if (placement?.node !== node || !placement.devices.some(d => setupId(d) === setupId(device))) return false;
    return bytesOf(stored.specOf(replica.service, replica.generation)?.resources.gpu) !== null;
  });
}

function checkDevices(node: SimulatedNode, parts: ReadonlyMap<string, Part[]>, verb: string, broken: Broken): void {
  const known = new Map(node.setup.devices.map(d => [d.id, d]));
  for (const [id, holders] of parts) {
    const names = holders.map(h => h.holder).join(', ');
    if (holders.length > 1 && holders.some(h => h.bytes === null))
      broken('2', `${id} of ${node.name} ${verb} ${names}, one of them exclusively`);
    const sum = holders.reduce((total, { bytes }) => total + (bytes ?? 0), 0);
    const device = known.get(id);
    if (sum > (device?.memoryBytes ?? Number.POSITIVE_INFINITY))
      broken('2', `${id} of ${node.name} ${verb} ${names}, who need ${sum} of ${device?.memoryBytes} bytes`);
    const whole = wholeOf(device, node);
    if (whole !== undefined && (parts.get(whole)?.length ?? 0) > 0)
      broken('2', `${whole} of ${node.name} and its slice ${id} are both given away`);
  }
}

/** The device that a slice is of. */
function wholeOf(device: ObservedDevice | undefined, node: SimulatedNode): string | undefined {
  const of = device?.slice?.of;
  return of === undefined ? undefined : node.setup.devices.find(d => d.id === of || d.uuid === of)?.id;
}

function bytesOf(gpu: GpuRequest | undefined): number | null {
  return gpu === undefined || gpu.exclusive ? null : (gpu.memoryBytes ?? null);
}
