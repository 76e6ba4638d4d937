import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { DiscoveryHandlers } from '../../proto/generated/outrigger/v1/Discovery.ts';
import type { Snapshot } from '../../proto/generated/outrigger/v1/Snapshot.ts';
import type { WatchRequest__Output } from '../../proto/generated/outrigger/v1/WatchRequest.ts';
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
  const late = setTimeout(() => {
    fail(context, call, new OutriggerError('timeout', 'the watch was opened, but never told what to watch'));
  }, context.limits.requestTimeoutMs);
  out.onEnd(() => {
    clearTimeout(late);
    watcher?.close();
  });

  const subscribe = (ref: { namespace: string; service: string }): Watcher => {
    clearTimeout(late);
    const request = parseRequest(requests.service, { namespace: ref.namespace, name: ref.service });
    const newest = out.outflow<SnapshotView>({ keep: 'newest', message: snapshotMessage });
    return context.operations.watchEndpoints(request, snapshot => newest.offer(snapshot));
  };
  call.on('data', (message: WatchRequest__Output) => {
    try {
      if (message.kind === 'subscribe' && message.subscribe && !watcher) watcher = subscribe(message.subscribe);
      else if (message.kind === 'acknowledgedVersion' && watcher) watcher.acknowledge(message.acknowledgedVersion ?? 0);
      else throw unexpected(message, watcher !== null);
    } catch (error) {
      fail(context, call, error);
    }
  });
  // A client that has said its last word can acknowledge nothing more; leaving replicas must not wait for it.
  call.on('end', () => call.end());
}

function unexpected(message: WatchRequest__Output, subscribed: boolean): OutriggerError {
  const expected = subscribed ? '"acknowledged_version"' : '"subscribe" first';
  return new OutriggerError('invalid_argument', `expected ${expected}, found ${message.kind ?? 'an empty message'}`, {
    next: 'Open one watch for each service.',
  });
}
