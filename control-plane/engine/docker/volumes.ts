import { OutriggerError } from '../../core/errors.ts';
import type { Mount, ServiceSpec } from '../../core/spec.ts';
import type { EngineClient } from './engine-client.ts';
import { LABELS, namespaceLabels } from './labels.ts';
import { statusOf } from './translate-error.ts';

type NamedVolume = Extract<Mount, { kind: 'volume' }> & { readonly name: string };

/** Named volumes. Made before the container, because the engine would make them without labels. */
export class Volumes {
  readonly #client: EngineClient;
  readonly #instance: string;
  readonly #known = new Set<string>();

  constructor(client: EngineClient, instance: string) {
    this.#client = client;
    this.#instance = instance;
  }

  async ensure(spec: ServiceSpec, signal: AbortSignal): Promise<void> {
    const named = spec.mounts.filter(
      (mount): mount is NamedVolume => mount.kind === 'volume' && mount.name !== undefined,
    );
    await Promise.all(named.map(volume => this.#ensure(spec.namespace, volume, signal)));
  }

  forget(): void {
    this.#known.clear();
  }

  /** Removes the volumes that this instance made for the namespace, except those that a container still refers to. */
  async clean(namespace: string, signal: AbortSignal): Promise<void> {
    const options = { doing: `listing volumes of ${namespace}`, deadlineMs: this.#client.deadlines.queryMs, signal };
    const filters = JSON.stringify({
      label: [`${LABELS.instance}=${this.#instance}`, `${LABELS.namespace}=${namespace}`],
    });
    const { Volumes: volumes } = await this.#client.call(options, (docker, abortSignal) =>
      docker.listVolumes({ filters, abortSignal }),
    );
    await Promise.all((volumes ?? []).map(({ Name }) => this.#remove(Name, signal)));
  }

  async #remove(name: string, signal: AbortSignal): Promise<void> {
    this.#known.delete(name);
    const options = { doing: `removing volume ${name}`, deadlineMs: this.#client.deadlines.changeMs, signal };
    await this.#client
      .call(options, (docker, abortSignal) => docker.getVolume(name).remove({ abortSignal }))
      .catch((error: OutriggerError) => {
        if (statusOf(error) === 404 || statusOf(error) === 409) return;
        throw error;
      });
  }

  async #ensure(namespace: string, volume: NamedVolume, signal: AbortSignal): Promise<void> {
    if (this.#known.has(volume.name)) return;
    if (!(await this.#exists(volume.name, signal))) {
      if (volume.external) {
        throw new OutriggerError('container_rejected', `The external volume ${volume.name} does not exist`, {
          next: `Create it with \`docker volume create ${volume.name}\`, or drop \`external: true\`.`,
        });
      }
      // Idempotent by name: the engine answers with the volume that is there.
      const options = { doing: `creating volume ${volume.name}`, deadlineMs: this.#client.deadlines.changeMs, signal };
      await this.#client.call(options, (docker, abortSignal) =>
        docker.createVolume({
          Name: volume.name,
          Labels: namespaceLabels(this.#instance, namespace, { volume: this.#key(namespace, volume.name) }),
          abortSignal,
        }),
      );
    }
    this.#known.add(volume.name);
  }

  /** The key in the Compose file: Compose prefixes the project's name to make the engine's name. */
  #key(namespace: string, name: string): string {
    return name.startsWith(`${namespace}_`) ? name.slice(namespace.length + 1) : name;
  }

  async #exists(name: string, signal: AbortSignal): Promise<boolean> {
    const options = { doing: `looking up volume ${name}`, deadlineMs: this.#client.deadlines.queryMs, signal };
    return this.#client
      .call(options, (docker, abortSignal) => docker.getVolume(name).inspect({ abortSignal }))
      .then(
        () => true,
        (error: OutriggerError) => {
          if (statusOf(error) === 404) return false;
          throw error;
        },
      );
  }
}
