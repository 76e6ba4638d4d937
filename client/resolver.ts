import * as packageGrpc from '@grpc/grpc-js';
import { type ControlAddress, controlAddress } from './control-address.ts';
import { registerPatientRoundRobin } from './patient-round-robin.ts';
import { parseReach, type Reach, reachable, standpointOf } from './reach.ts';
import { FAILING_SERVICE_CONFIG, SERVICE_CONFIG } from './service-config.ts';
import { parseServiceRef, type ServiceRef } from './service-ref.ts';
import type { WatchState } from './service-watch.ts';
import type { Snapshot } from './snapshot.ts';
import { watchOf } from './watches.ts';

/** What is used of grpc-js. A program with a copy of its own hands in that one. */
export interface GrpcModule {
  readonly experimental: Pick<
    typeof packageGrpc.experimental,
    | 'registerResolver'
    | 'statusOrFromValue'
    | 'statusOrFromError'
    | 'registerLoadBalancerType'
    | 'parseLoadBalancingConfig'
    | 'createChildChannelControlHelper'
    | 'ChildLoadBalancerHandler'
    | 'BaseSubchannelWrapper'
    | 'PickResultType'
  >;
  readonly status: typeof packageGrpc.status;
}

type Registration = Parameters<GrpcModule['experimental']['registerResolver']>[1];
type Target = ConstructorParameters<Registration>[0];
type Listener = ConstructorParameters<Registration>[1];
type ChannelOptions = ConstructorParameters<Registration>[2];

/**
 * Makes `outrigger:///service`, `outrigger:///namespace/service` and `outrigger://control-plane:7470/namespace/service`
 * targets of grpc-js clients. Importing the package does so for the grpc-js that it shares with the program; call it with
 * yours where `npm ls @grpc/grpc-js` shows more than one.
 *
 * A channel with replicas calls them in turn. One whose service has none at present, or none that can be reached, waits for
 * the first, up to each call's deadline. One without a control plane or whose service nobody knows fails its calls, saying so, after
 * `outrigger.patience_ms` (10 s).
 */
export function registerResolver(grpc: GrpcModule = packageGrpc): void {
  registerPatientRoundRobin(grpc);
  grpc.experimental.registerResolver('outrigger', resolverFor(grpc));
}

const PATIENCE_MS = 10_000;

function resolverFor({ experimental, status }: GrpcModule): Registration {
  return class OutriggerResolver {
    readonly #listener: Listener;
    readonly #options: ChannelOptions;
    readonly #address: ControlAddress;
    readonly #name: ServiceRef;
    readonly #reach: Reach;
    #unsubscribe: (() => void) | null = null;
    #patience: NodeJS.Timeout | null = null;
    /** What the channel has now, as text; null before anything. */
    #delivered: string | null = null;
    /** Why there is nobody to call, while there is nobody. */
    #reason = '';

    constructor(target: Target, listener: Listener, options: ChannelOptions) {
      this.#listener = listener;
      this.#options = options;
      this.#address = controlAddress(process.env, target.authority);
      this.#name = parseServiceRef(trimmed(target.path));
      this.#reach = parseReach(optionText(options, 'outrigger.reach') ?? process.env['OUTRIGGER_REACH']);
    }

    /** grpc-js asks for this at the start, after an idle time and whenever a connection broke. */
    updateResolution(): void {
      const watch = watchOf(this.#address, this.#name);
      if (this.#unsubscribe) {
        watch.hurry();
        return;
      }
      this.#unsubscribe = watch.subscribe(state => this.#take(state));
      // The listener may not be called from within this call.
      process.nextTick(() => this.#take(watch.state));
    }

    /** Comes when the channel goes idle or is closed; `updateResolution` may follow. */
    destroy(): void {
      this.#unsubscribe?.();
      this.#unsubscribe = null;
      this.#delivered = null;
      this.#regainHope();
    }

    static getDefaultAuthority(target: Target): string {
      return parseServiceRef(trimmed(target.path)).service;
    }

    #take({ snapshot, connection }: WatchState): void {
      if (!this.#unsubscribe) return;
      if (connection.kind === 'connecting' || connection.kind === 'idle') return;
      // What was good when the control plane went away stays good until it says otherwise.
      if (snapshot?.known) this.#deliver(snapshot);
      else if (connection.kind === 'lost') this.#loseHope(connection.error.message);
      else if (snapshot) this.#deliverNothing(snapshot);
    }

    #deliver(snapshot: Snapshot): void {
      const standpoint = standpointOf(this.#address);
      const endpoints = snapshot.endpoints.flatMap(endpoint => {
        const addresses = reachable(endpoint, this.#reach, standpoint).map(({ host, port }) => ({ host, port }));
        return addresses.length > 0 ? [{ addresses }] : [];
      });
      this.#deliverEndpoints(endpoints);
      if (endpoints.length > 0 || snapshot.endpoints.length === 0) this.#regainHope();
      else this.#loseHope('none of its replicas has an address of the kind that OUTRIGGER_REACH asks for');
    }

    #deliverNothing(snapshot: Snapshot): void {
      // An empty list first: an error alone leaves the channel on the replicas it has.
      if (this.#delivered !== null && this.#delivered !== FAILED) this.#deliverEndpoints([]);
      this.#loseHope(
        `no service "${snapshot.service}" in the namespace "${snapshot.namespace}"; ` +
          'see `outrigger ps` for those that are there, and start it with `outrigger up`',
      );
    }

    #deliverEndpoints(endpoints: { addresses: { host: string; port: number }[] }[]): void {
      const text = JSON.stringify(endpoints);
      if (text === this.#delivered) return;
      this.#delivered = text;
      this.#listener(experimental.statusOrFromValue(endpoints), {}, this.#serviceConfig(SERVICE_CONFIG), this.#text());
    }

    /** Unless better news come within the patience, calls fail with the newest reason instead of waiting any longer. */
    #loseHope(reason: string): void {
      this.#reason = reason;
      if (this.#delivered === FAILED || this.#patience) return;
      this.#patience = setTimeout(() => this.#fail(), Number(this.#options['outrigger.patience_ms'] ?? PATIENCE_MS));
      this.#patience.unref();
    }

    #regainHope(): void {
      if (this.#patience) clearTimeout(this.#patience);
      this.#patience = null;
    }

    #fail(): void {
      this.#patience = null;
      this.#delivered = FAILED;
      const error = { code: status.UNAVAILABLE, details: `${this.#text()}: ${this.#reason}` };
      this.#listener(
        experimental.statusOrFromError(error),
        {},
        this.#serviceConfig(FAILING_SERVICE_CONFIG),
        this.#text(),
      );
    }

    /** Null leaves the channel to the service config that it was created with. */
    #serviceConfig(config: typeof SERVICE_CONFIG | typeof FAILING_SERVICE_CONFIG) {
      const own = this.#options['grpc.service_config'] || this.#options['grpc.service_config_disable_resolution'] === 1;
      return own ? null : experimental.statusOrFromValue(config);
    }

    #text(): string {
      return `outrigger:///${this.#name.namespace}/${this.#name.service}`;
    }
  };
}

/** In place of a list of endpoints: the channel was told why there is none. */
const FAILED = 'failed';

function trimmed(path: string): string {
  return path.replace(/^\/+/, '');
}

function optionText(options: ChannelOptions, key: string): string | undefined {
  const value: unknown = options[key];
  return typeof value === 'string' ? value : undefined;
}
