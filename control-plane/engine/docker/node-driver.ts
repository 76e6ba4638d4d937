import type { Clock } from '../../ports.ts';
import type { EngineDevices } from './discover-devices.ts';
import { DriverInventory } from './driver-inventory.ts';
import type { EngineClient } from './engine-client.ts';
import { GpuProbe } from './gpu-probe.ts';
import { LocalNvidiaSmi } from './local-nvidia-smi.ts';
import { pullImage } from './pull-image.ts';

/**
 * The way to NVIDIA's driver on a node: this machine's own `nvidia-smi` where the engine is this machine's, a probe
 * container where an image for it is named. Null where neither leads there: then devices are known by name alone.
 */
export function nodeDriver(
  client: EngineClient,
  options: {
    readonly node: string;
    readonly instance: string;
    readonly clock: Clock;
    readonly gpuProbeImage?: string;
    readonly local: boolean;
    readonly environment?: NodeJS.ProcessEnv;
    /** What the engine last said of devices. */
    readonly engineDevices: () => EngineDevices;
  },
): { readonly inventory: DriverInventory; readonly everyMs: number } | null {
  const { node, instance, clock, gpuProbeImage: image, environment } = options;
  if (image !== undefined) {
    const pull: ConstructorParameters<typeof GpuProbe>[1]['pull'] = (request, signal) =>
      pullImage(client, request, { onProgress: () => {}, clock, signal, ...(environment && { environment }) });
    const probe = new GpuProbe(client, { node, image, instance, pull });
    const read = (signal: AbortSignal) => probe.read(options.engineDevices(), signal);
    return { inventory: new DriverInventory({ clock, read }), everyMs: PROBED_EVERY_MS };
  }
  if (!options.local) return null;
  const smi = new LocalNvidiaSmi(environment ? { environment } : {});
  return { inventory: new DriverInventory({ clock, read: signal => smi.read(signal) }), everyMs: LOCAL_EVERY_MS };
}

const LOCAL_EVERY_MS = 30_000;
/** Each look is a container. */
const PROBED_EVERY_MS = 60_000;
