import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { DiscoveryClient as _outrigger_v1_DiscoveryClient, DiscoveryDefinition as _outrigger_v1_DiscoveryDefinition } from './outrigger/v1/Discovery.ts';
import type { Endpoint as _outrigger_v1_Endpoint, Endpoint__Output as _outrigger_v1_Endpoint__Output } from './outrigger/v1/Endpoint.ts';
import type { EndpointAddress as _outrigger_v1_EndpointAddress, EndpointAddress__Output as _outrigger_v1_EndpointAddress__Output } from './outrigger/v1/EndpointAddress.ts';
import type { ResolveRequest as _outrigger_v1_ResolveRequest, ResolveRequest__Output as _outrigger_v1_ResolveRequest__Output } from './outrigger/v1/ResolveRequest.ts';
import type { Snapshot as _outrigger_v1_Snapshot, Snapshot__Output as _outrigger_v1_Snapshot__Output } from './outrigger/v1/Snapshot.ts';
import type { WatchRequest as _outrigger_v1_WatchRequest, WatchRequest__Output as _outrigger_v1_WatchRequest__Output } from './outrigger/v1/WatchRequest.ts';
import type { WatchSubscription as _outrigger_v1_WatchSubscription, WatchSubscription__Output as _outrigger_v1_WatchSubscription__Output } from './outrigger/v1/WatchSubscription.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  outrigger: {
    v1: {
      Discovery: SubtypeConstructor<typeof grpc.Client, _outrigger_v1_DiscoveryClient> & { service: _outrigger_v1_DiscoveryDefinition }
      Endpoint: MessageTypeDefinition<_outrigger_v1_Endpoint, _outrigger_v1_Endpoint__Output>
      EndpointAddress: MessageTypeDefinition<_outrigger_v1_EndpointAddress, _outrigger_v1_EndpointAddress__Output>
      ResolveRequest: MessageTypeDefinition<_outrigger_v1_ResolveRequest, _outrigger_v1_ResolveRequest__Output>
      Snapshot: MessageTypeDefinition<_outrigger_v1_Snapshot, _outrigger_v1_Snapshot__Output>
      WatchRequest: MessageTypeDefinition<_outrigger_v1_WatchRequest, _outrigger_v1_WatchRequest__Output>
      WatchSubscription: MessageTypeDefinition<_outrigger_v1_WatchSubscription, _outrigger_v1_WatchSubscription__Output>
    }
  }
}

