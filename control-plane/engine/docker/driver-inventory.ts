import { toOutriggerError } from '../../core/errors.ts';
import type { Clock } from '../../ports.ts';
import type { DriverReading } from './discover-devices.ts';
import type { SmiGpu, SmiMemory, SmiReading, SmiSlice } from './nvidia-smi.ts';
import { Refresh } from './refresh.ts';
import { Steady } from './steady.ts';

/** Where readings of NVIDIA's driver come from. Bounded in time; rejects where the driver, or the way to it, fails. */
export type ReadDriver = (signal: AbortSignal) => Promise<SmiReading>;

/** What NVIDIA's driver said of the devices. Where it does not answer, its last words stand, without the measurements. */
export class DriverInventory {
  readonly #clock: Clock;
  readonly #read: ReadDriver;
  readonly #stop = new AbortController();
  readonly #refresh = new Refresh(() => this.#look());
  #gpus = new Steady<SmiGpu>(unmeasured);
  #slices = new Steady<SmiSlice>(unmeasured);
  /** Looks begun, and how many of these had been when devices may have been numbered anew. */
  #begun = 0;
  #outdated = 0;
  #numbered = false;
  #at: number | null = null;
  #triedAt: number | null = null;
  #trouble: string | null = null;

  constructor(options: { clock: Clock; read: ReadDriver }) {
    this.#clock = options.clock;
    this.#read = options.read;
  }

  /** Null until the driver has answered once. */
  reading(): DriverReading | null {
    if (this.#at === null) return null;
    return { at: this.#at, numbered: this.#numbered, gpus: this.#gpus.values(), slices: this.#slices.values() };
  }

  /** Why it did not answer the last time; null: it did. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** When it was last asked, by the Clock; null: never, or it was told to forget. */
  get triedAt(): number | null {
    return this.#triedAt;
  }

  get doubtful(): boolean {
    return this.#gpus.doubtful || this.#slices.doubtful;
  }

  /** The devices may be numbered otherwise now: of what was read so far, or is being read, only the UUIDs hold. */
  renumber(): void {
    this.#outdated = this.#begun;
    this.#numbered = false;
    this.#triedAt = null;
  }

  /** Ask again at the next occasion. */
  forget(): void {
    this.#triedAt = null;
  }

  /** Resolves once the driver was asked, whatever came of it. */
  look(): Promise<void> {
    return this.#refresh.begin();
  }

  /** As `look`, with a question that is put from now on. */
  lookAnew(): Promise<void> {
    return this.#refresh.anew();
  }

  close(): void {
    this.#stop.abort(new Error('the engine is not spoken to any more'));
  }

  async #look(): Promise<void> {
    // What is measured is at least as new as this.
    const at = this.#clock.now();
    this.#triedAt = at;
    this.#begun += 1;
    const nth = this.#begun;
    try {
      const { gpus, slices } = await this.#read(this.#stop.signal);
      if (nth <= this.#outdated) return;
      if (!this.#numbered) {
        // What is missing now must not be kept beside what has its number.
        this.#gpus = new Steady<SmiGpu>(unmeasured);
        this.#slices = new Steady<SmiSlice>(unmeasured);
      }
      this.#numbered = true;
      this.#gpus.note(gpus.map(gpu => [gpu.uuid, gpu]));
      this.#slices.note(slices.map(slice => [slice.uuid, slice]));
      this.#at = at;
      this.#trouble = null;
    } catch (thrown) {
      this.#gpus.noteFailure();
      this.#slices.noteFailure();
      this.#trouble = toOutriggerError(thrown).message;
    }
  }
}

/** What cannot be measured now must not be taken for measured. */
function unmeasured<T extends { readonly memory?: SmiMemory }>(device: T): T {
  return device.memory ? { ...device, memory: { totalBytes: device.memory.totalBytes } } : device;
}
