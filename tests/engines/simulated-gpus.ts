import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface SimulatedGpuFacts {
  readonly model: string;
  readonly memoryMib: number;
}

export interface SimulatedGpu extends SimulatedGpuFacts {
  /** The CDI name by index, such as `nvidia.com/gpu=0`. */
  readonly id: string;
  readonly index: number;
  readonly uuid: string;
}

/**
 * The GPUs of a node that has none: CDI files such as nvidia-ctk writes, whose edits give a container a device node (which
 * is /dev/null), an environment entry and an `nvidia-smi` that answers for exactly the devices it was given. All of it
 * lives in one folder of this machine that the node has at `mountedAt`, so that a change is seen at once everywhere.
 */
export class SimulatedGpus {
  readonly all: readonly SimulatedGpu[];
  readonly #folder: string;
  readonly #mountedAt: string;
  readonly #hidden = new Set<number>();
  #isRenumbered = false;

  private constructor(all: readonly SimulatedGpu[], folder: string, mountedAt: string) {
    this.all = all;
    this.#folder = folder;
    this.#mountedAt = mountedAt;
  }

  /** Writes everything; the engine looks for CDI files in the subfolder `cdi`. */
  static async write(
    facts: readonly SimulatedGpuFacts[],
    { folder, mountedAt }: { folder: string; mountedAt: string },
  ): Promise<SimulatedGpus> {
    const all = facts.map((f, index) => ({ ...f, index, id: `${KIND}=${index}`, uuid: `GPU-${randomUUID()}` }));
    const gpus = new SimulatedGpus(all, folder, mountedAt);
    await mkdir(path.join(folder, 'cdi'), { recursive: true });
    await mkdir(path.join(folder, 'driver'));
    await copyFile(path.join(import.meta.dirname, 'nvidia-smi.sh'), path.join(folder, 'nvidia-smi'));
    await gpus.answerAgain();
    for (const { index, uuid, model, memoryMib } of all) {
      await mkdir(path.join(folder, String(index)));
      await gpus.#fact(index, 'uuid', uuid);
      await gpus.#fact(index, 'name', model);
      await gpus.#fact(index, 'memory.total', String(memoryMib));
      await gpus.use(index, 0);
    }
    await gpus.#writeCdi();
    return gpus;
  }

  /** From now on so much of the device's memory is in use, says `nvidia-smi`. */
  async use(index: number, usedMib: number): Promise<void> {
    await this.#fact(index, 'memory.used', String(usedMib));
  }

  /** The device is not listed any more; containers that were given it keep it. */
  async hide(index: number): Promise<void> {
    this.#hidden.add(index);
    await this.#writeCdi();
  }

  /** The device falls off the bus, and those that are left are numbered from 0, with everything that says numbers. */
  async fallOff(index: number): Promise<void> {
    this.#isRenumbered = true;
    await this.hide(index);
  }

  async show(index: number): Promise<void> {
    this.#hidden.delete(index);
    await this.#writeCdi();
  }

  /** Every `nvidia-smi` of this node prints that and fails, or never ends. */
  async failWith(what: { readonly message: string } | 'hangs'): Promise<void> {
    await this.#replace(path.join('driver', 'state'), what === 'hangs' ? what : what.message);
  }

  async answerAgain(): Promise<void> {
    await this.#replace(path.join('driver', 'state'), '');
  }

  async #fact(index: number, name: string, value: string): Promise<void> {
    await this.#replace(path.join(String(index), name), value);
  }

  async #writeCdi(): Promise<void> {
    const shown = this.all.filter(({ index }) => !this.#hidden.has(index));
    const numberOf = (gpu: SimulatedGpu) => (this.#isRenumbered ? shown.indexOf(gpu) : gpu.index);
    const mount = (from: string, containerPath: string) => ({
      hostPath: path.posix.join(this.#mountedAt, from),
      containerPath,
      options: ['ro', 'nosuid', 'nodev', 'bind'],
    });
    const device = (name: string, gpus: readonly SimulatedGpu[]) => ({
      name,
      containerEdits: {
        env: gpus.map(gpu => `SIMULATED_GPU_${numberOf(gpu)}=${gpu.uuid}`),
        deviceNodes: gpus.map(gpu => ({ path: `/dev/nvidia${numberOf(gpu)}`, hostPath: '/dev/null' })),
        mounts: gpus.map(gpu => mount(String(gpu.index), `/run/simulated-gpus/${numberOf(gpu)}`)),
      },
    });
    const content = {
      cdiVersion: '0.5.0',
      kind: KIND,
      devices: [
        ...shown.map(gpu => device(String(numberOf(gpu)), [gpu])),
        ...shown.map(gpu => device(gpu.uuid, [gpu])),
        ...(shown.length > 0 ? [device('all', shown)] : []),
      ],
      containerEdits: {
        // As nvidia-ctk writes it: the older runtime hook keeps its hands off.
        env: ['NVIDIA_VISIBLE_DEVICES=void'],
        mounts: [mount('nvidia-smi', '/usr/bin/nvidia-smi'), mount('driver', '/run/simulated-gpus/driver')],
      },
    };
    await this.#replace(path.join('cdi', 'nvidia.json'), JSON.stringify(content, null, 2));
  }

  /** All at once, so that nobody reads half a file. */
  async #replace(name: string, content: string): Promise<void> {
    const file = path.join(this.#folder, name);
    await writeFile(`${file}.new`, content);
    await rename(`${file}.new`, file);
  }
}

const KIND = 'nvidia.com/gpu';
