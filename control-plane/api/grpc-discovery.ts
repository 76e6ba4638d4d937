import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { DiscoveryHandlers } from '../../proto/generated/outrigger/v1/Discovery.ts';
import type { Snapshot } from '../../proto/generated/outrigger/v1/Snapshot.ts';
import type { WatchRequest__Output } from '../../proto/generated/outrigger/v1/WatchRequest.ts';
import type { WatchSubscription__Output } from '../../proto/generated/outrigger/v1/WatchSubscription.ts';
import { OutriggerError } from '../core/errors.ts';
import type { Watcher } from '../registry/hub.ts';
import { CallStream } from './call-stream.ts';
import { fail, type GrpcContext, guard, unary } from './grpc-adapters.ts';
import { snapshotMessage } from './messages.ts';
import { parseRequest, requests } from './requests.ts';
import type { SnapshotView } from './schemas.ts';

/** outrigger.v1.Discovery over the hub. */
export function discoveryHandlers(context: GrpcContext): DiscoveryHandlers {
  return {
    Resolve: unary(context, ({ namespace, service }) =>
      snapshotMessage(context.operations.snapshot(parseRequest(requests.service, { namespace, name: service }))),
    ),
    Watch: call => guard(context, call, () => watch(context, call)),
  };
}

/** One watch: a subscription, then the newest snapshots out and acknowledgements in, until either side ends it. */
async function watch(context: GrpcContext, call: ServerDuplexStream<WatchRequest__Output, Snapshot>): Promise<void> {
  const out = new CallStream<Snapshot>(call, context.streams);
  let watcher: Watcher | null = null;
  let closing = false;
  const late = setTimeout(() => {
    fail(context, call, new OutriggerError('timeout', 'the watch was opened, but never told what to watch'));
  }, context.limits.requestTimeoutMs);
  out.onEnd(() => {
    clearTimeout(late);
    if (closing) watcher?.close();
    else watcher?.lose();
  });

  const subscribe = ({ namespace, service, clientId, replicasInUse }: WatchSubscription__Output): Watcher => {
    clearTimeout(late);
    const request = parseRequest(requests.watch, { namespace, name: service, clientId, replicasInUse });
    const { clientId: id, replicasInUse: inUse } = request;
    const client = id === '' ? null : { id, inUse, onReplaced: () => fail(context, call, replaced()) };
    const newest = out.outflow<SnapshotView>({ keep: 'newest', message: snapshotMessage });
    return context.operations.watchEndpoints(request, snapshot => newest.offer(snapshot), client);
  };
  call.on('data', (message: WatchRequest__Output) => {
    try {
      if (message.kind === 'subscribe' && message.subscribe && !watcher) watcher = subscribe(message.subscribe);
      else if (message.kind === 'acknowledgedVersion' && watcher) watcher.acknowledge(message.acknowledgedVersion ?? 0);
      else if (message.kind === 'closing' && watcher) closing = true;
      else throw unexpected(message, watcher !== null);
    } catch (error) {
      fail(context, call, error);
    }
  });
  // Comes also where the connection broke. Whoever has said its last word can acknowledge nothing more.
  call.on('end', () => call.end());
}

function replaced(): OutriggerError {
  return new OutriggerError('conflict', 'another watch of this service has this client_id', {
    next: 'Give each client an id of its own; one that comes again after its watch broke keeps its id and ends the old watch.',
  });
}

function unexpected(message: WatchRequest__Output, subscribed: boolean): OutriggerError {
  const expected = subscribed ? '"acknowledged_version" or "closing"' : '"subscribe" first';
  return new OutriggerError('invalid_argument', `expected ${expected}, found ${message.kind ?? 'an empty message'}`, {
    next: 'Open one watch for each service.',
  });
}
