import type { ObservedDevice } from '../../core/observed.ts';
import type { Clock } from '../../ports.ts';
import type { EngineClient } from './engine-client.ts';
import { queryNvidiaSmi, type SmiDevice } from './nvidia-smi.ts';

export interface Capacity {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly devices: readonly ObservedDevice[];
  readonly labels: Readonly<Record<string, string>>;
  readonly images: ReadonlySet<string>;
}

/** The parts of the engine's `/info` that are read; DiscoveredDevices came with API 1.50. */
export interface EngineInfo {
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Labels?: readonly string[] | null;
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
  readonly DiscoveredDevices?: readonly { readonly Source: string; readonly ID: string }[] | null;
}

/** What the node has. Asked of the engine at most every half minute, as it changes rarely and `/info` is slow. */
export class NodeCapacity {
  readonly #client: EngineClient;
  readonly #clock: Clock;
  readonly #stated: readonly ObservedDevice[] | undefined;
  readonly #local: boolean;
  #read: { at: number; capacity: Capacity } | null = null;

  constructor(
    client: EngineClient,
    options: {
      clock: Clock;
      /** What the operator says the node has; then nothing is discovered. */
      devices?: readonly ObservedDevice[];
      /** The engine runs on this machine, so that this machine's `nvidia-smi` speaks of its devices. */
      local: boolean;
    },
  ) {
    this.#client = client;
    this.#clock = options.clock;
    this.#stated = options.devices;
    this.#local = options.local;
  }

  async read(signal: AbortSignal): Promise<Capacity> {
    const now = this.#clock.now();
    if (this.#read && now - this.#read.at < KEPT_MS) return this.#read.capacity;
    const info = await this.#client.get<EngineInfo>({ doing: 'asking the engine what it has', path: '/info', signal });
    const capacity = {
      cpus: info.NCPU,
      memoryBytes: info.MemTotal,
      devices: this.#stated ?? discoverDevices(info, await this.#askSmi(info, signal)),
      labels: Object.fromEntries((info.Labels ?? []).map(splitLabel)),
      images: new Set<string>(),
    };
    this.#read = { at: now, capacity };
    return capacity;
  }

  forget(): void {
    this.#read = null;
  }

  async #askSmi(info: EngineInfo, signal: AbortSignal): Promise<readonly SmiDevice[]> {
    const nvidia =
      hasNvidiaRuntime(info) || (info.DiscoveredDevices ?? []).some(({ ID }) => ID.startsWith('nvidia.com/'));
    return this.#local && nvidia ? queryNvidiaSmi(signal) : [];
  }
}

/**
 * One entry a device. CDI files name a device several times, by index and by UUID, and all of them together as `all`;
 * the index is kept, as it is what people write. Without CDI the NVIDIA runtime takes UUIDs, which outlive a reboot.
 */
export function discoverDevices(info: EngineInfo, smi: readonly SmiDevice[]): readonly ObservedDevice[] {
  const names = (info.DiscoveredDevices ?? []).filter(({ Source }) => Source === 'cdi').map(({ ID }) => ID);
  const byKind = Map.groupBy(
    names.filter(name => /\/(gpu|mig)=/.test(name)),
    name => name.slice(0, name.indexOf('=')),
  );
  const cdi = [...byKind.values()].flatMap(sameKind => {
    const single = sameKind.filter(name => !name.endsWith('=all'));
    const indexed = single.filter(name => /=\d+(:\d+)?$/.test(name));
    return indexed.length > 0 ? indexed : single;
  });
  if (cdi.length > 0) return cdi.sort(byNumber).map(id => ({ id, driver: 'cdi', ...describe(id, smi) }));
  if (!hasNvidiaRuntime(info)) return [];
  return smi.map(({ uuid, model, memoryBytes }) => ({ id: uuid, driver: 'nvidia', model, memoryBytes }));
}

function describe(cdiName: string, smi: readonly SmiDevice[]): { model?: string; memoryBytes?: number } {
  if (!cdiName.startsWith('nvidia.com/gpu=')) return {};
  const name = cdiName.slice(cdiName.indexOf('=') + 1);
  const found = smi.find(({ index, uuid }) => String(index) === name || uuid === name);
  return found ? { model: found.model, memoryBytes: found.memoryBytes } : {};
}

function hasNvidiaRuntime(info: EngineInfo): boolean {
  return Object.keys(info.Runtimes ?? {}).some(name => name.startsWith('nvidia'));
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function splitLabel(label: string): [string, string] {
  const at = label.indexOf('=');
  return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)];
}

const KEPT_MS = 30_000;
