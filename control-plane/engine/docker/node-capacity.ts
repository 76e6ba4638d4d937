import { OutriggerError } from '../../core/errors.ts';
import { deviceKind, type GivenDevice } from '../../core/node.ts';
import type { NodePlatform, ObservedDevice } from '../../core/observed.ts';
import type { Clock } from '../../ports.ts';
import { type DriverReading, describeStated, discoverDevices, type EngineDevices } from './discover-devices.ts';
import type { DriverInventory } from './driver-inventory.ts';
import type { EngineClient } from './engine-client.ts';
import { PresentImages } from './present-images.ts';
import { Refresh } from './refresh.ts';
import { Steady } from './steady.ts';

export interface Capacity {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly devices: readonly ObservedDevice[];
  readonly labels: Readonly<Record<string, string>>;
  readonly platform?: NodePlatform;
  readonly images: ReadonlySet<string>;
}

/** The parts of the engine's `/info` that are read; DiscoveredDevices came with API 1.50. */
export interface EngineInfo extends EngineDevices {
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Labels?: readonly string[] | null;
  readonly OSType?: string;
  readonly Architecture?: string;
  /** Made by the engine for itself. */
  readonly ID?: string;
  /** Its host's name. */
  readonly Name?: string;
}

/**
 * What the node has. The engine and NVIDIA's driver are asked every half minute, beside the listings: only the first one,
 * and the first after a reconnection, waits for an answer. What is new then wakes whoever watches.
 */
export class NodeCapacity {
  readonly #client: EngineClient;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #onRepeated: (ids: readonly string[]) => void;
  readonly #stated: readonly ObservedDevice[] | undefined;
  readonly #driver: DriverInventory | null;
  readonly #driverEveryMs: number;
  readonly #handsOverNvidia: () => Promise<boolean>;
  readonly #images: PresentImages;
  readonly #refresh = new Refresh(() => this.#askEngine());
  readonly #cdiNames = new Steady<string>();
  /** Devices that the driver has once described; one of them that it does not know any more is gone. */
  readonly #described = new Set<string>();
  #info: EngineInfo | null = null;
  /** NVIDIA's CDI names of the last answer. */
  #toldNames = '';
  #hook = false;
  #askedAt = 0;
  #devices: readonly ObservedDevice[] = [];
  #repeated: readonly string[] = [];

  constructor(
    client: EngineClient,
    options: {
      clock: Clock;
      /** What the operator says the node has; then nothing is discovered, and what is stated is measured where it can be. */
      devices?: readonly ObservedDevice[];
      /** Null where nothing leads to the node's driver: then devices are known by name alone. */
      driver: { readonly inventory: DriverInventory; readonly everyMs: number } | null;
      /** The engine hands over NVIDIA's devices though it names no runtime for them. */
      handsOverNvidia: () => Promise<boolean>;
      /** Devices or images changed since they were last given out. */
      onChange: () => void;
      /** Stated devices do not count any more, or count again, as a reading says that they are one with an earlier one. */
      onRepeated?: (ids: readonly string[]) => void;
    },
  ) {
    this.#client = client;
    this.#clock = options.clock;
    this.#onChange = options.onChange;
    this.#onRepeated = options.onRepeated ?? (() => {});
    this.#stated = options.devices;
    this.#driver = options.driver?.inventory ?? null;
    this.#driverEveryMs = options.driver?.everyMs ?? Infinity;
    this.#handsOverNvidia = options.handsOverNvidia;
    this.#images = new PresentImages(client, { clock: options.clock, onChange: options.onChange });
  }

  async read(signal: AbortSignal): Promise<Capacity> {
    const [info, images] = await Promise.all([this.#engineInfo(signal), this.#images.names(signal)]);
    await this.#lookAtDriver(info, signal);
    return {
      cpus: info.NCPU,
      memoryBytes: info.MemTotal,
      devices: this.#devices,
      labels: Object.fromEntries((info.Labels ?? []).map(splitLabel)),
      ...platformOf(info),
      images,
    };
  }

  /** Asks engine and driver anew. Rejects where the engine does not answer; a driver that does not is no error. */
  async measure(signal: AbortSignal): Promise<void> {
    const doing = 'asking the engine what it has';
    const deadlineMs = this.#client.deadlines.queryMs;
    await this.#client.bounded({ doing, deadlineMs, signal }, () => this.#refresh.anew());
    const driver = this.#driver;
    if (!driver || !this.#info || !this.#mayHaveNvidia(this.#info)) return;
    const patience = { doing: 'measuring the devices', deadlineMs: this.#client.deadlines.changeMs, signal };
    await this.#client
      .bounded(patience, () => driver.lookAnew())
      .catch(error => {
        if (signal.aborted) throw error;
      });
    this.#redraw();
  }

  /**
   * The names by which the engine hands over just the devices that were given: by UUID where it knows them so, since what a
   * number stands for may be another device by the time a container starts. Asks the engine anew.
   * @throws OutriggerError `unavailable` where an id does not stand for the device that was given, or nobody can tell
   */
  async namesOf(given: readonly GivenDevice[], signal: AbortSignal): Promise<readonly string[]> {
    if (given.length === 0) return [];
    const deadlineMs = this.#client.deadlines.queryMs;
    const doing = 'asking the engine what devices it has';
    const info = await this.#client.bounded({ doing, deadlineMs, signal }, () => this.#refresh.anew());
    if (given.some(device => isNvidia(`${deviceKind(device)}=`))) await this.#readDriver(signal);
    const discovered = new Set((info.DiscoveredDevices ?? []).filter(isCdi).map(({ ID }) => ID));
    return given.map(device => {
      const listed = this.#devices.find(d => d.id === device.id);
      const other = whyAnother(device, listed);
      if (other !== null) throw notTheDevice(device, other);
      const name = `${deviceKind(device)}=${device.uuid}`;
      return device.uuid !== undefined && discovered.has(name) ? name : device.id;
    });
  }

  /** Unless it was read since the names are these. */
  async #readDriver(signal: AbortSignal): Promise<void> {
    const driver = this.#driver;
    if (!driver || driver.reading()?.numbered) return;
    const patience = { doing: 'reading the devices', deadlineMs: this.#client.deadlines.queryMs, signal };
    await this.#client
      .bounded(patience, () => driver.lookAnew())
      .catch(error => {
        if (signal.aborted) throw error;
      });
    this.#redraw();
  }

  /** The engine may be another, or its machine started anew. */
  forget(): void {
    this.#askedAt = 0;
    this.#driver?.renumber();
    this.#images.forget();
  }

  /** Which engine it is: as it said last, or before anything else. Null: it has no id. */
  async identify(signal: AbortSignal): Promise<{ readonly id: string; readonly hostName: string } | null> {
    await this.#engineInfo(signal);
    return this.identity();
  }

  /** Which engine it was that answered last; null before the first answer. */
  identity(): { readonly id: string; readonly hostName: string } | null {
    return this.#info?.ID === undefined ? null : { id: this.#info.ID, hostName: this.#info.Name ?? '' };
  }

  /** What the engine last said of devices. */
  engineDevices(): EngineDevices {
    return this.#info ?? {};
  }

  forgetImages(): void {
    this.#images.forget();
  }

  async #engineInfo(signal: AbortSignal): Promise<EngineInfo> {
    const ageMs = this.#clock.now() - this.#askedAt;
    if (this.#info && ageMs < (this.#cdiNames.doubtful ? DOUBT_MS : KEPT_MS)) return this.#info;
    const asking = this.#refresh.begin();
    // Otherwise nobody waits: that the engine is away is what the listing of its containers reports.
    if (this.#info && this.#askedAt > 0) return this.#info;
    const doing = 'asking the engine what it has';
    const deadlineMs = this.#client.deadlines.queryMs;
    return this.#client.bounded({ doing, deadlineMs, signal }, () => asking);
  }

  async #askEngine(): Promise<EngineInfo> {
    const info = await this.#client.get<EngineInfo>({
      doing: 'asking the engine what it has',
      path: '/info',
      signal: new AbortController().signal,
    });
    this.#hook = await this.#handsOverNvidia();
    const names = (info.DiscoveredDevices ?? []).filter(isCdi).map(({ ID }) => ID);
    this.#cdiNames.note(names.map(name => [name, name]));
    const told = names.filter(isNvidia).sort().join();
    if (told !== this.#toldNames) {
      // Other names may be other devices, and the same names too.
      this.#toldNames = told;
      this.#driver?.renumber();
    }
    this.#info = info;
    this.#askedAt = this.#clock.now();
    this.#redraw();
    return info;
  }

  async #lookAtDriver(info: EngineInfo, signal: AbortSignal): Promise<void> {
    const driver = this.#driver;
    if (!driver || !this.#mayHaveNvidia(info)) return;
    const { triedAt, doubtful } = driver;
    const everyMs = doubtful ? DOUBT_MS : this.#driverEveryMs;
    if (triedAt !== null && this.#clock.now() - triedAt < everyMs) return;
    const first = !driver.reading()?.numbered && driver.trouble === null;
    const looking = driver.look().then(() => this.#redraw());
    if (!first) return;
    const patience = { doing: 'reading the devices', deadlineMs: FIRST_LOOK_MS, signal };
    await this.#client.bounded(patience, () => looking).catch(() => {});
  }

  #mayHaveNvidia(info: EngineInfo): boolean {
    if (this.#stated) return this.#stated.some(({ driver, id }) => driver === 'nvidia' || isNvidia(id));
    return this.#hook || hasNvidiaRuntime(info) || this.#cdiNames.values().some(isNvidia);
  }

  #redraw(): void {
    if (!this.#info) return;
    const reading = this.#driver?.reading() ?? null;
    const devices = this.#stated ? describeStated(this.#stated, reading) : this.#discover(this.#info, reading);
    const changed = JSON.stringify(devices) !== JSON.stringify(this.#devices);
    this.#devices = devices;
    const repeated = (this.#stated ?? []).flatMap(({ id }) => (devices.some(d => d.id === id) ? [] : [id]));
    if (repeated.join() !== this.#repeated.join()) this.#onRepeated(repeated);
    this.#repeated = repeated;
    if (changed) this.#onChange();
  }

  #discover(info: EngineInfo, reading: DriverReading | null): readonly ObservedDevice[] {
    const names = this.#cdiNames.values().map(ID => ({ Source: 'cdi', ID }));
    const handsOverNvidia = this.#hook || hasNvidiaRuntime(info);
    const all = discoverDevices({ ...info, DiscoveredDevices: names }, reading, { handsOverNvidia });
    for (const { id, model } of all) if (model !== undefined) this.#described.add(id);
    // Until the driver was read, all that is known of them is that they are there.
    if (!reading?.numbered) return all;
    return all.filter(({ id, model }) => model !== undefined || !this.#described.has(id));
  }
}

/** Null where it is the one that was given, as far as anybody can tell. */
function whyAnother(given: GivenDevice, listed: ObservedDevice | undefined): string | null {
  // Of one that is known by its id alone the engine itself knows best whether it is there.
  if (given.uuid === undefined) return null;
  if (!listed) return 'the engine does not list it any more';
  if (given.uuid === listed.uuid) return null;
  if (listed.uuid === undefined) return `whether it still is ${given.uuid} cannot be told until the driver answers`;
  return `it was ${given.uuid}, and is ${listed.uuid} now`;
}

function notTheDevice({ id }: GivenDevice, why: string): OutriggerError {
  return new OutriggerError('unavailable', `Device ${id} is not handed over: ${why}`, {
    next: 'Nothing has to be done: the replica gets a device once the node has been listed anew.',
    retryable: true,
  });
}

function isCdi({ Source }: { readonly Source: string }): boolean {
  return Source === 'cdi';
}

function isNvidia(cdiName: string): boolean {
  return cdiName.startsWith('nvidia.com/');
}

function hasNvidiaRuntime(info: EngineInfo): boolean {
  return Object.keys(info.Runtimes ?? {}).some(name => name.startsWith('nvidia'));
}

function platformOf({ OSType: os, Architecture: architecture }: EngineInfo): Pick<Capacity, 'platform'> {
  return os && architecture ? { platform: { os, architecture } } : {};
}

function splitLabel(label: string): [string, string] {
  const at = label.indexOf('=');
  return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)];
}

const KEPT_MS = 30_000;
/** Something is missing that was there: look again before it is believed. */
const DOUBT_MS = 2_000;
const FIRST_LOOK_MS = 2_000;
