import type Docker from 'dockerode';
import { LABELS } from '../../control-plane/engine/docker/index.ts';
import type { NestedEngine } from '../engines/nested-engine.ts';
import type { SimulatedGpu } from '../engines/simulated-gpus.ts';
import { FOREIGN_LABEL } from './look-alikes.ts';

/** A container of a replica as its own engine lists it. */
export interface Holding {
  readonly node: string;
  readonly containerId: string;
  readonly namespace: string;
  readonly service: string;
  readonly replicaId: string;
  readonly attempt: number;
  /** `created`, `running`, `exited`, … */
  readonly state: string;
  /** Indexes of the devices that the engine was asked to give it. */
  readonly devices: readonly number[];
  readonly environment: readonly string[];
}

/** What never changes of a container. */
export type Fixed = Pick<Holding, 'devices' | 'environment'>;

/** What the engines themselves say is there, past the control plane and whatever cuts their nodes off. */
export class Holdings {
  readonly #engines: ReadonlyMap<string, NestedEngine>;
  /** What never changes of a container, read once. */
  readonly #fixed = new Map<string, Fixed>();

  constructor(engines: ReadonlyMap<string, NestedEngine>) {
    this.#engines = engines;
  }

  /**
   * Those that run. One that is only created holds nothing: what was asked of a node before it was cut off, or was told to
   * drain, may still be carried out there; it is never started then, and removed.
   */
  async live(): Promise<readonly Holding[]> {
    return (await this.all()).filter(({ state }) => ['running', 'paused', 'restarting'].includes(state));
  }

  /** Each node is listed at one moment, all of them not; containers of replicas only. */
  async all(): Promise<readonly Holding[]> {
    const listed = await Promise.all([...this.#engines].map(([node, engine]) => this.#ofNode(node, engine)));
    return listed.flat();
  }

  async #ofNode(node: string, engine: NestedEngine): Promise<readonly Holding[]> {
    const listed = await engine.docker.listContainers({ all: true, filters: { label: [LABELS.replica] } });
    const holdings = await Promise.all(
      listed.filter(isNotForeign).map(async ({ Id, Labels, State }): Promise<Holding[]> => {
        const fixed = this.#fixed.get(Id) ?? (await readFixed(engine.docker.getContainer(Id), engine.gpus.all));
        // Gone between the listing and the look at it.
        if (!fixed) return [];
        this.#fixed.set(Id, fixed);
        return [
          {
            node,
            containerId: Id,
            namespace: Labels[LABELS.namespace] ?? '',
            service: Labels[LABELS.service] ?? '',
            replicaId: Labels[LABELS.replica] ?? '',
            attempt: Number(Labels[LABELS.attempt]),
            state: State,
            ...fixed,
          },
        ];
      }),
    );
    return holdings.flat();
  }
}

function isNotForeign({ Labels }: { readonly Labels: Readonly<Record<string, string>> }): boolean {
  return Labels[FOREIGN_LABEL] === undefined;
}

/** Null where the container is gone. */
export async function readFixed(container: Docker.Container, gpus: readonly SimulatedGpu[]): Promise<Fixed | null> {
  const inspected = await container.inspect().catch((error: { statusCode?: number }) => {
    if (error.statusCode === 404) return null;
    throw error;
  });
  if (!inspected) return null;
  const ids = (inspected.HostConfig.DeviceRequests ?? []).flatMap(({ DeviceIDs }) => DeviceIDs ?? []);
  return { devices: ids.map(id => indexOf(id, gpus)), environment: inspected.Config.Env };
}

/** Which of the node's devices a name stood for: its number when the engine was new, whatever it is called now. */
function indexOf(id: string, gpus: readonly SimulatedGpu[]): number {
  const gpu = gpus.find(g => g.id === id || id.endsWith(`=${g.uuid}`));
  if (!gpu) throw new Error(`a container was given the device ${id}, which its node does not have by that name`);
  return gpu.index;
}
