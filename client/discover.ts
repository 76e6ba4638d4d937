import { DiscoveryError } from './client-error.ts';
import { controlAddress } from './control-address.ts';
import { parseReach, type Reach, reachable, standpointOf } from './reach.ts';
import { parseServiceRef } from './service-ref.ts';
import type { ServiceWatch, WatchState } from './service-watch.ts';
import { settleOnce } from './settle-once.ts';
import type { Endpoint, Snapshot } from './snapshot.ts';
import { watchOf } from './watches.ts';

export interface DiscoverOptions {
  /** The control plane; OUTRIGGER_ADDRESS or the local socket by default. */
  readonly address?: string;
  /** `network`, `network:<name>`, `published` or `auto`; OUTRIGGER_REACH by default. */
  readonly reach?: string;
  readonly signal?: AbortSignal;
}

/** A service as this process can call it. */
export interface Resolution {
  readonly snapshot: Snapshot;
  /** The replicas that are ready, each with the address to call it by from here. */
  readonly endpoints: readonly ReachableEndpoint[];
  /** False: the control plane is away, and this is the last that it said. */
  readonly current: boolean;
}

export interface ReachableEndpoint {
  readonly replicaId: string;
  readonly host: string;
  readonly port: number;
  readonly endpoint: Endpoint;
}

/**
 * Calls the listener with what is known of the service, in the next turn if something is known already, and again after
 * every change, until it is closed or the signal fires. Where the listener returns a promise, replicas that have left are
 * stopped once it has settled, or their `drain.timeout` is over. Rejects nothing: with the control plane away it waits. Keeps the
 * process from ending meanwhile.
 */
export function watch(
  service: string,
  listener: (resolution: Resolution) => unknown,
  options: DiscoverOptions = {},
): { close(): void } {
  const view = viewOf(service, options);
  let told: WatchState['snapshot'] | undefined;
  let toldCurrent: boolean | undefined;
  const take = (state: WatchState) => {
    const { snapshot, connection } = state;
    if (!snapshot || connection.kind === 'connecting' || connection.kind === 'idle') return undefined;
    const current = connection.kind === 'current';
    if (snapshot === told && current === toldCurrent) return undefined;
    told = snapshot;
    toldCurrent = current;
    return listener(view.resolutionOf(snapshot, current));
  };
  options.signal?.throwIfAborted();
  let open = true;
  const unsubscribe = view.watch.subscribe(take);
  const letGo = view.watch.hold();
  process.nextTick(() => open && take(view.watch.state));
  const close = () => {
    open = false;
    options.signal?.removeEventListener('abort', close);
    letGo();
    unsubscribe();
  };
  options.signal?.addEventListener('abort', close, { once: true });
  return { close };
}

/**
 * The service's ready replicas, once there is one. Rejects with `timeout` after `timeoutMs` (10 s), `not_found` where
 * nobody knows the service by then, `unavailable` where no control plane answers and nothing is remembered.
 */
export function resolve(
  service: string,
  options: DiscoverOptions & { readonly timeoutMs?: number } = {},
): Promise<Resolution> {
  const { timeoutMs = 10_000, signal } = options;
  const view = viewOf(service, options);
  return settleOnce<Resolution>(
    fulfil => {
      const take = ({ snapshot, connection }: WatchState) => {
        if (!snapshot || (connection.kind !== 'current' && connection.kind !== 'lost')) return;
        const resolution = view.resolutionOf(snapshot, connection.kind === 'current');
        if (resolution.endpoints.length > 0) fulfil(resolution);
      };
      process.nextTick(() => take(view.watch.state));
      return view.watch.subscribe(take);
    },
    { timeoutMs, expired: () => whyNot(view.watch, timeoutMs), signals: [signal] },
  );
}

/** Why there is nobody to call, in words. */
export function whyNot(watch: ServiceWatch, waitedMs: number): DiscoveryError {
  const { snapshot, connection } = watch.state;
  const name = `${watch.service.namespace}/${watch.service.service}`;
  if (!snapshot?.known && connection.kind === 'lost') {
    // One for each who waits: what is thrown says where it was.
    const { problem, next } = connection.error;
    return new DiscoveryError('unavailable', problem, { ...(next !== undefined && { next }), cause: connection.error });
  }
  if (!snapshot) return new DiscoveryError('timeout', `No answer about ${name} within ${waitedMs} ms.`);
  if (!snapshot.known) {
    return new DiscoveryError('not_found', `There is no service ${name}.`, {
      next: 'See `outrigger ps` for those that are there, and start it with `outrigger up`.',
    });
  }
  if (snapshot.endpoints.length > 0) {
    return new DiscoveryError('unavailable', `No replica of ${name} can be reached from here.`, {
      next: 'Choose by OUTRIGGER_REACH (network, network:<name>, published) how to call them.',
    });
  }
  return new DiscoveryError('timeout', `No replica of ${name} became ready within ${waitedMs} ms.`, {
    next: `\`outrigger ps\` says what it waits for.`,
  });
}

/** A service, and how its endpoints look from here. */
export function viewOf(service: string, options: Pick<DiscoverOptions, 'address' | 'reach'>) {
  const address = controlAddress(process.env, options.address);
  const reach: Reach = parseReach(options.reach ?? process.env['OUTRIGGER_REACH']);
  return {
    watch: watchOf(address, parseServiceRef(service)),
    resolutionOf(snapshot: Snapshot, current: boolean): Resolution {
      const standpoint = standpointOf(address);
      const endpoints = snapshot.endpoints.flatMap((endpoint): ReachableEndpoint[] => {
        const [best] = reachable(endpoint, reach, standpoint);
        return best ? [{ replicaId: endpoint.replicaId, host: best.host, port: best.port, endpoint }] : [];
      });
      return { snapshot, endpoints, current };
    },
  };
}
