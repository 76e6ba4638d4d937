import { request } from 'undici';
import type { EndpointAddress } from '../../control-plane/core/endpoint.ts';
import type { RunningControlPlane } from '../product/running-control-plane.ts';

export interface PublishedEndpoint {
  readonly namespace: string;
  readonly replicaId: string;
  readonly containerId: string;
  readonly node: string;
  readonly addresses: readonly EndpointAddress[];
}

interface Snapshot {
  readonly endpoints: readonly Omit<PublishedEndpoint, 'namespace'>[];
}

export interface PublishedLook {
  /** Milliseconds since the epoch; what was published was so at some moment between the two. */
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly endpoints: readonly PublishedEndpoint[];
}

/** What the registry hands out, and when each container was seen there. */
export class Published {
  readonly #lastSeen = new Map<string, number>();

  lastSeenAt(containerId: string): number | null {
    return this.#lastSeen.get(containerId) ?? null;
  }

  async look(controlPlane: RunningControlPlane, namespaces: readonly string[]): Promise<PublishedLook> {
    const looks = await Promise.all(
      namespaces.map(async namespace => {
        const askedAt = Date.now();
        const snapshot = await controlPlane
          .get<Snapshot>(`/v1/endpoints/${namespace}/model`)
          .catch((error: Error): Snapshot => {
            // There is no such service, or there is none any more.
            if (error.message.includes(': 404 ')) return { endpoints: [] };
            throw error;
          });
        for (const { containerId } of snapshot.endpoints) this.#lastSeen.set(containerId, askedAt);
        return { askedAt, endpoints: snapshot.endpoints.map(e => ({ ...e, namespace })) };
      }),
    );
    return {
      askedAt: Math.min(...looks.map(l => l.askedAt)),
      answeredAt: Date.now(),
      endpoints: looks.flatMap(l => l.endpoints),
    };
  }
}

/** What a call from this machine to that endpoint is answered, or the error in words. */
export async function call({ addresses }: PublishedEndpoint): Promise<string> {
  const address = addresses.find(a => a.kind === 'published') ?? addresses[0];
  if (!address) return 'it has no address';
  try {
    const answer = await request(`http://${address.host}:${address.port}/`, {
      headersTimeout: CALL_TIMEOUT_MS,
      bodyTimeout: CALL_TIMEOUT_MS,
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      reset: true,
    });
    return (await answer.body.text()).trim();
  } catch (error) {
    return `${address.host}:${address.port}: ${error instanceof Error ? error.message : error}`;
  }
}

const CALL_TIMEOUT_MS = 5_000;
