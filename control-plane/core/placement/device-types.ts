import { deviceKind } from '../node.ts';
import type { ObservedDevice } from '../observed.ts';

/** What a request can tell devices apart by, except their names; equal devices share one. */
export interface DeviceType {
  readonly index: number;
  /** One of them. */
  readonly sample: ObservedDevice;
  readonly kind: string;
}

/** The types of device of one cluster: few, however many devices there are. */
export class DeviceTypes {
  readonly all: DeviceType[] = [];
  readonly #byText: Map<string, DeviceType> = new Map();
  #last: DeviceType | undefined;

  of(device: ObservedDevice): DeviceType {
    // The devices of a node are mostly alike.
    if (this.#last && isLike(this.#last, device)) return this.#last;
    const kind = deviceKind(device);
    const text = `${kind} ${device.driver} ${device.memoryBytes} ${device.model}`;
    let type = this.#byText.get(text);
    if (!type) {
      type = { index: this.all.length, sample: device, kind };
      this.all.push(type);
      this.#byText.set(text, type);
    }
    this.#last = type;
    return type;
  }
}

function isLike({ sample, kind }: DeviceType, device: ObservedDevice): boolean {
  return (
    sample.model === device.model &&
    sample.memoryBytes === device.memoryBytes &&
    sample.driver === device.driver &&
    device.id.startsWith(kind) &&
    device.id[kind.length] === '='
  );
}
