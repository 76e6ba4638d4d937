// Original file: proto/outrigger/v1/discovery.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ResolveRequest as _outrigger_v1_ResolveRequest, ResolveRequest__Output as _outrigger_v1_ResolveRequest__Output } from '../../outrigger/v1/ResolveRequest.ts';
import type { Snapshot as _outrigger_v1_Snapshot, Snapshot__Output as _outrigger_v1_Snapshot__Output } from '../../outrigger/v1/Snapshot.ts';
import type { WatchRequest as _outrigger_v1_WatchRequest, WatchRequest__Output as _outrigger_v1_WatchRequest__Output } from '../../outrigger/v1/WatchRequest.ts';

export interface DiscoveryClient extends grpc.Client {
  Resolve(argument: _outrigger_v1_ResolveRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  Resolve(argument: _outrigger_v1_ResolveRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  Resolve(argument: _outrigger_v1_ResolveRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  Resolve(argument: _outrigger_v1_ResolveRequest, callback: grpc.requestCallback<_outrigger_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  resolve(argument: _outrigger_v1_ResolveRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  resolve(argument: _outrigger_v1_ResolveRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  resolve(argument: _outrigger_v1_ResolveRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  resolve(argument: _outrigger_v1_ResolveRequest, callback: grpc.requestCallback<_outrigger_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  
  Watch(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_outrigger_v1_WatchRequest, _outrigger_v1_Snapshot__Output>;
  Watch(options?: grpc.CallOptions): grpc.ClientDuplexStream<_outrigger_v1_WatchRequest, _outrigger_v1_Snapshot__Output>;
  watch(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_outrigger_v1_WatchRequest, _outrigger_v1_Snapshot__Output>;
  watch(options?: grpc.CallOptions): grpc.ClientDuplexStream<_outrigger_v1_WatchRequest, _outrigger_v1_Snapshot__Output>;
  
}

export interface DiscoveryHandlers extends grpc.UntypedServiceImplementation {
  Resolve: grpc.handleUnaryCall<_outrigger_v1_ResolveRequest__Output, _outrigger_v1_Snapshot>;
  
  Watch: grpc.handleBidiStreamingCall<_outrigger_v1_WatchRequest__Output, _outrigger_v1_Snapshot>;
  
}

export interface DiscoveryDefinition extends grpc.ServiceDefinition {
  Resolve: MethodDefinition<_outrigger_v1_ResolveRequest, _outrigger_v1_Snapshot, _outrigger_v1_ResolveRequest__Output, _outrigger_v1_Snapshot__Output>
  Watch: MethodDefinition<_outrigger_v1_WatchRequest, _outrigger_v1_Snapshot, _outrigger_v1_WatchRequest__Output, _outrigger_v1_Snapshot__Output>
}
