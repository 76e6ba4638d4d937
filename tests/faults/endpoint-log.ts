import { type Resolution, watch } from '../../client/index.ts';
import { until } from '../until.ts';

/** What a client's watch of one service was told, and when. */
export class EndpointLog {
  readonly told: { readonly at: number; readonly replicas: readonly string[]; readonly resolution: Resolution }[] = [];
  readonly #watch: { close(): void };
  readonly #service: string;

  constructor(socket: string, service: string) {
    this.#service = service;
    const listener = (resolution: Resolution) => {
      const replicas = resolution.snapshot.endpoints.map(e => e.replicaId).sort();
      this.told.push({ at: performance.now(), replicas, resolution });
    };
    this.#watch = watch(service, listener, { address: `unix://${socket}`, reach: 'published' });
  }

  get replicas(): readonly string[] {
    return this.told.at(-1)?.replicas ?? [];
  }

  /** Resolves once the client knows exactly these replicas, to when it learnt it. */
  async shows(replicas: readonly string[]): Promise<number> {
    const wanted = JSON.stringify([...replicas].sort());
    await until(
      () => `the clients of ${this.#service} know ${wanted}; they know ${JSON.stringify(this.replicas)}`,
      () => JSON.stringify(this.replicas) === wanted,
    );
    return this.told.at(-1)?.at ?? 0;
  }

  close(): void {
    this.#watch.close();
  }
}
