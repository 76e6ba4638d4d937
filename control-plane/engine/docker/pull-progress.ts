import type { ImageState } from '../../core/observed.ts';

/** A line of the engine's stream; `id` is a layer's, or the tag's. */
export interface PullMessage {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** Bytes over all layers, and how far these are. Only downloading counts; unpacking reports other numbers under the same names. */
export class PullProgress {
  readonly #layers = new Map<string, { received: number; total: number }>();
  /** Layers of which something is still to be received: true. */
  readonly #isAwaited = new Map<string, boolean>();

  /** True where the sums changed. */
  add({ id, status = '', progressDetail }: PullMessage): boolean {
    if (id === undefined) return false;
    if (COMING.test(status)) this.#isAwaited.set(id, true);
    else if (RECEIVED.test(status)) this.#isAwaited.set(id, false);
    if (status === 'Downloading' && progressDetail?.current !== undefined) {
      const received = progressDetail.current;
      this.#layers.set(id, { received, total: Math.max(progressDetail.total ?? 0, received) });
      return true;
    }
    const layer = this.#layers.get(id);
    if (layer && (status === 'Download complete' || status === 'Pull complete') && layer.received < layer.total) {
      this.#layers.set(id, { ...layer, received: layer.total });
      return true;
    }
    return false;
  }

  /** Nothing of it is to come from the registry any more. */
  get hasArrived(): boolean {
    return this.#isAwaited.size > 0 && ![...this.#isAwaited.values()].includes(true);
  }

  state(): ImageState {
    let receivedBytes = 0;
    let totalBytes = 0;
    for (const { received, total } of this.#layers.values()) {
      receivedBytes += received;
      totalBytes += total;
    }
    return { kind: 'pulling', receivedBytes, totalBytes };
  }
}

/** In the words of engines 20.10 to 28. */
const COMING = /^(Pulling fs layer|Waiting|Downloading|Retrying in )/;
const RECEIVED = /^(Verifying Checksum|Download complete|Extracting|Pull complete|Already exists)/;
