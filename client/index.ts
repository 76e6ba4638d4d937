import './require-node.ts';

import { registerResolver } from './resolver.ts';
import { closeWatches } from './watches.ts';

// Importing the package is all that a stock grpc-js client needs.
registerResolver();

/** Ends every watch of this process: what is open goes on with the endpoints it has, but hears of no others. */
export function close(): void {
  closeWatches();
}

export { DiscoveryError } from './client-error.ts';
export { type DiscoverOptions, type ReachableEndpoint, type Resolution, resolve, watch } from './discover.ts';
export { type DispatcherOptions, OutriggerDispatcher } from './dispatcher.ts';
export { createFetch, type OutriggerFetch } from './fetch.ts';
export { InFlight } from './quiesce.ts';
export type { GrpcModule } from './resolver.ts';
export { CHANNEL_OPTIONS, SERVICE_CONFIG } from './service-config.ts';
export type { Endpoint, EndpointAddress, Snapshot } from './snapshot.ts';
export { registerResolver };
