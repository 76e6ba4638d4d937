// Original file: proto/outrigger/v1/control.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ApplyRequest as _outrigger_v1_ApplyRequest, ApplyRequest__Output as _outrigger_v1_ApplyRequest__Output } from '../../outrigger/v1/ApplyRequest.ts';
import type { ApplyResponse as _outrigger_v1_ApplyResponse, ApplyResponse__Output as _outrigger_v1_ApplyResponse__Output } from '../../outrigger/v1/ApplyResponse.ts';
import type { DeleteRequest as _outrigger_v1_DeleteRequest, DeleteRequest__Output as _outrigger_v1_DeleteRequest__Output } from '../../outrigger/v1/DeleteRequest.ts';
import type { DeleteResponse as _outrigger_v1_DeleteResponse, DeleteResponse__Output as _outrigger_v1_DeleteResponse__Output } from '../../outrigger/v1/DeleteResponse.ts';
import type { DrainNodeRequest as _outrigger_v1_DrainNodeRequest, DrainNodeRequest__Output as _outrigger_v1_DrainNodeRequest__Output } from '../../outrigger/v1/DrainNodeRequest.ts';
import type { Event as _outrigger_v1_Event, Event__Output as _outrigger_v1_Event__Output } from '../../outrigger/v1/Event.ts';
import type { GetStatusRequest as _outrigger_v1_GetStatusRequest, GetStatusRequest__Output as _outrigger_v1_GetStatusRequest__Output } from '../../outrigger/v1/GetStatusRequest.ts';
import type { ListNodesRequest as _outrigger_v1_ListNodesRequest, ListNodesRequest__Output as _outrigger_v1_ListNodesRequest__Output } from '../../outrigger/v1/ListNodesRequest.ts';
import type { ListNodesResponse as _outrigger_v1_ListNodesResponse, ListNodesResponse__Output as _outrigger_v1_ListNodesResponse__Output } from '../../outrigger/v1/ListNodesResponse.ts';
import type { ListServicesRequest as _outrigger_v1_ListServicesRequest, ListServicesRequest__Output as _outrigger_v1_ListServicesRequest__Output } from '../../outrigger/v1/ListServicesRequest.ts';
import type { ListServicesResponse as _outrigger_v1_ListServicesResponse, ListServicesResponse__Output as _outrigger_v1_ListServicesResponse__Output } from '../../outrigger/v1/ListServicesResponse.ts';
import type { LogLine as _outrigger_v1_LogLine, LogLine__Output as _outrigger_v1_LogLine__Output } from '../../outrigger/v1/LogLine.ts';
import type { LogsRequest as _outrigger_v1_LogsRequest, LogsRequest__Output as _outrigger_v1_LogsRequest__Output } from '../../outrigger/v1/LogsRequest.ts';
import type { Node as _outrigger_v1_Node, Node__Output as _outrigger_v1_Node__Output } from '../../outrigger/v1/Node.ts';
import type { RestartRequest as _outrigger_v1_RestartRequest, RestartRequest__Output as _outrigger_v1_RestartRequest__Output } from '../../outrigger/v1/RestartRequest.ts';
import type { ScaleRequest as _outrigger_v1_ScaleRequest, ScaleRequest__Output as _outrigger_v1_ScaleRequest__Output } from '../../outrigger/v1/ScaleRequest.ts';
import type { Service as _outrigger_v1_Service, Service__Output as _outrigger_v1_Service__Output } from '../../outrigger/v1/Service.ts';
import type { ServiceRef as _outrigger_v1_ServiceRef, ServiceRef__Output as _outrigger_v1_ServiceRef__Output } from '../../outrigger/v1/ServiceRef.ts';
import type { Status as _outrigger_v1_Status, Status__Output as _outrigger_v1_Status__Output } from '../../outrigger/v1/Status.ts';
import type { UndrainNodeRequest as _outrigger_v1_UndrainNodeRequest, UndrainNodeRequest__Output as _outrigger_v1_UndrainNodeRequest__Output } from '../../outrigger/v1/UndrainNodeRequest.ts';
import type { WatchEventsRequest as _outrigger_v1_WatchEventsRequest, WatchEventsRequest__Output as _outrigger_v1_WatchEventsRequest__Output } from '../../outrigger/v1/WatchEventsRequest.ts';
import type { Why as _outrigger_v1_Why, Why__Output as _outrigger_v1_Why__Output } from '../../outrigger/v1/Why.ts';

export interface ControlClient extends grpc.Client {
  Apply(argument: _outrigger_v1_ApplyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ApplyResponse__Output>): grpc.ClientUnaryCall;
  Apply(argument: _outrigger_v1_ApplyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_ApplyResponse__Output>): grpc.ClientUnaryCall;
  Apply(argument: _outrigger_v1_ApplyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ApplyResponse__Output>): grpc.ClientUnaryCall;
  Apply(argument: _outrigger_v1_ApplyRequest, callback: grpc.requestCallback<_outrigger_v1_ApplyResponse__Output>): grpc.ClientUnaryCall;
  apply(argument: _outrigger_v1_ApplyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ApplyResponse__Output>): grpc.ClientUnaryCall;
  apply(argument: _outrigger_v1_ApplyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_ApplyResponse__Output>): grpc.ClientUnaryCall;
  apply(argument: _outrigger_v1_ApplyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ApplyResponse__Output>): grpc.ClientUnaryCall;
  apply(argument: _outrigger_v1_ApplyRequest, callback: grpc.requestCallback<_outrigger_v1_ApplyResponse__Output>): grpc.ClientUnaryCall;
  
  Delete(argument: _outrigger_v1_DeleteRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_DeleteResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _outrigger_v1_DeleteRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_DeleteResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _outrigger_v1_DeleteRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_DeleteResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _outrigger_v1_DeleteRequest, callback: grpc.requestCallback<_outrigger_v1_DeleteResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _outrigger_v1_DeleteRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_DeleteResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _outrigger_v1_DeleteRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_DeleteResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _outrigger_v1_DeleteRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_DeleteResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _outrigger_v1_DeleteRequest, callback: grpc.requestCallback<_outrigger_v1_DeleteResponse__Output>): grpc.ClientUnaryCall;
  
  DrainNode(argument: _outrigger_v1_DrainNodeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  DrainNode(argument: _outrigger_v1_DrainNodeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  DrainNode(argument: _outrigger_v1_DrainNodeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  DrainNode(argument: _outrigger_v1_DrainNodeRequest, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  drainNode(argument: _outrigger_v1_DrainNodeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  drainNode(argument: _outrigger_v1_DrainNodeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  drainNode(argument: _outrigger_v1_DrainNodeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  drainNode(argument: _outrigger_v1_DrainNodeRequest, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  
  GetService(argument: _outrigger_v1_ServiceRef, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  GetService(argument: _outrigger_v1_ServiceRef, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  GetService(argument: _outrigger_v1_ServiceRef, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  GetService(argument: _outrigger_v1_ServiceRef, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  getService(argument: _outrigger_v1_ServiceRef, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  getService(argument: _outrigger_v1_ServiceRef, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  getService(argument: _outrigger_v1_ServiceRef, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  getService(argument: _outrigger_v1_ServiceRef, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  
  GetStatus(argument: _outrigger_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _outrigger_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _outrigger_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _outrigger_v1_GetStatusRequest, callback: grpc.requestCallback<_outrigger_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _outrigger_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _outrigger_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _outrigger_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _outrigger_v1_GetStatusRequest, callback: grpc.requestCallback<_outrigger_v1_Status__Output>): grpc.ClientUnaryCall;
  
  ListNodes(argument: _outrigger_v1_ListNodesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _outrigger_v1_ListNodesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _outrigger_v1_ListNodesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  ListNodes(argument: _outrigger_v1_ListNodesRequest, callback: grpc.requestCallback<_outrigger_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _outrigger_v1_ListNodesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _outrigger_v1_ListNodesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _outrigger_v1_ListNodesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  listNodes(argument: _outrigger_v1_ListNodesRequest, callback: grpc.requestCallback<_outrigger_v1_ListNodesResponse__Output>): grpc.ClientUnaryCall;
  
  ListServices(argument: _outrigger_v1_ListServicesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  ListServices(argument: _outrigger_v1_ListServicesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  ListServices(argument: _outrigger_v1_ListServicesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  ListServices(argument: _outrigger_v1_ListServicesRequest, callback: grpc.requestCallback<_outrigger_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  listServices(argument: _outrigger_v1_ListServicesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  listServices(argument: _outrigger_v1_ListServicesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  listServices(argument: _outrigger_v1_ListServicesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  listServices(argument: _outrigger_v1_ListServicesRequest, callback: grpc.requestCallback<_outrigger_v1_ListServicesResponse__Output>): grpc.ClientUnaryCall;
  
  Logs(argument: _outrigger_v1_LogsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_LogLine__Output>;
  Logs(argument: _outrigger_v1_LogsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_LogLine__Output>;
  logs(argument: _outrigger_v1_LogsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_LogLine__Output>;
  logs(argument: _outrigger_v1_LogsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_LogLine__Output>;
  
  Restart(argument: _outrigger_v1_RestartRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  Restart(argument: _outrigger_v1_RestartRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  Restart(argument: _outrigger_v1_RestartRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  Restart(argument: _outrigger_v1_RestartRequest, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  restart(argument: _outrigger_v1_RestartRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  restart(argument: _outrigger_v1_RestartRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  restart(argument: _outrigger_v1_RestartRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  restart(argument: _outrigger_v1_RestartRequest, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  
  Scale(argument: _outrigger_v1_ScaleRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  Scale(argument: _outrigger_v1_ScaleRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  Scale(argument: _outrigger_v1_ScaleRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  Scale(argument: _outrigger_v1_ScaleRequest, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  scale(argument: _outrigger_v1_ScaleRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  scale(argument: _outrigger_v1_ScaleRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  scale(argument: _outrigger_v1_ScaleRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  scale(argument: _outrigger_v1_ScaleRequest, callback: grpc.requestCallback<_outrigger_v1_Service__Output>): grpc.ClientUnaryCall;
  
  UndrainNode(argument: _outrigger_v1_UndrainNodeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  UndrainNode(argument: _outrigger_v1_UndrainNodeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  UndrainNode(argument: _outrigger_v1_UndrainNodeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  UndrainNode(argument: _outrigger_v1_UndrainNodeRequest, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  undrainNode(argument: _outrigger_v1_UndrainNodeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  undrainNode(argument: _outrigger_v1_UndrainNodeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  undrainNode(argument: _outrigger_v1_UndrainNodeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  undrainNode(argument: _outrigger_v1_UndrainNodeRequest, callback: grpc.requestCallback<_outrigger_v1_Node__Output>): grpc.ClientUnaryCall;
  
  WatchEvents(argument: _outrigger_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_Event__Output>;
  WatchEvents(argument: _outrigger_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_Event__Output>;
  watchEvents(argument: _outrigger_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_Event__Output>;
  watchEvents(argument: _outrigger_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_Event__Output>;
  
  WatchServices(argument: _outrigger_v1_ListServicesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_ListServicesResponse__Output>;
  WatchServices(argument: _outrigger_v1_ListServicesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_ListServicesResponse__Output>;
  watchServices(argument: _outrigger_v1_ListServicesRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_ListServicesResponse__Output>;
  watchServices(argument: _outrigger_v1_ListServicesRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_outrigger_v1_ListServicesResponse__Output>;
  
  Why(argument: _outrigger_v1_ServiceRef, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Why__Output>): grpc.ClientUnaryCall;
  Why(argument: _outrigger_v1_ServiceRef, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Why__Output>): grpc.ClientUnaryCall;
  Why(argument: _outrigger_v1_ServiceRef, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Why__Output>): grpc.ClientUnaryCall;
  Why(argument: _outrigger_v1_ServiceRef, callback: grpc.requestCallback<_outrigger_v1_Why__Output>): grpc.ClientUnaryCall;
  why(argument: _outrigger_v1_ServiceRef, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Why__Output>): grpc.ClientUnaryCall;
  why(argument: _outrigger_v1_ServiceRef, metadata: grpc.Metadata, callback: grpc.requestCallback<_outrigger_v1_Why__Output>): grpc.ClientUnaryCall;
  why(argument: _outrigger_v1_ServiceRef, options: grpc.CallOptions, callback: grpc.requestCallback<_outrigger_v1_Why__Output>): grpc.ClientUnaryCall;
  why(argument: _outrigger_v1_ServiceRef, callback: grpc.requestCallback<_outrigger_v1_Why__Output>): grpc.ClientUnaryCall;
  
}

export interface ControlHandlers extends grpc.UntypedServiceImplementation {
  Apply: grpc.handleUnaryCall<_outrigger_v1_ApplyRequest__Output, _outrigger_v1_ApplyResponse>;
  
  Delete: grpc.handleUnaryCall<_outrigger_v1_DeleteRequest__Output, _outrigger_v1_DeleteResponse>;
  
  DrainNode: grpc.handleUnaryCall<_outrigger_v1_DrainNodeRequest__Output, _outrigger_v1_Node>;
  
  GetService: grpc.handleUnaryCall<_outrigger_v1_ServiceRef__Output, _outrigger_v1_Service>;
  
  GetStatus: grpc.handleUnaryCall<_outrigger_v1_GetStatusRequest__Output, _outrigger_v1_Status>;
  
  ListNodes: grpc.handleUnaryCall<_outrigger_v1_ListNodesRequest__Output, _outrigger_v1_ListNodesResponse>;
  
  ListServices: grpc.handleUnaryCall<_outrigger_v1_ListServicesRequest__Output, _outrigger_v1_ListServicesResponse>;
  
  Logs: grpc.handleServerStreamingCall<_outrigger_v1_LogsRequest__Output, _outrigger_v1_LogLine>;
  
  Restart: grpc.handleUnaryCall<_outrigger_v1_RestartRequest__Output, _outrigger_v1_Service>;
  
  Scale: grpc.handleUnaryCall<_outrigger_v1_ScaleRequest__Output, _outrigger_v1_Service>;
  
  UndrainNode: grpc.handleUnaryCall<_outrigger_v1_UndrainNodeRequest__Output, _outrigger_v1_Node>;
  
  WatchEvents: grpc.handleServerStreamingCall<_outrigger_v1_WatchEventsRequest__Output, _outrigger_v1_Event>;
  
  WatchServices: grpc.handleServerStreamingCall<_outrigger_v1_ListServicesRequest__Output, _outrigger_v1_ListServicesResponse>;
  
  Why: grpc.handleUnaryCall<_outrigger_v1_ServiceRef__Output, _outrigger_v1_Why>;
  
}

export interface ControlDefinition extends grpc.ServiceDefinition {
  Apply: MethodDefinition<_outrigger_v1_ApplyRequest, _outrigger_v1_ApplyResponse, _outrigger_v1_ApplyRequest__Output, _outrigger_v1_ApplyResponse__Output>
  Delete: MethodDefinition<_outrigger_v1_DeleteRequest, _outrigger_v1_DeleteResponse, _outrigger_v1_DeleteRequest__Output, _outrigger_v1_DeleteResponse__Output>
  DrainNode: MethodDefinition<_outrigger_v1_DrainNodeRequest, _outrigger_v1_Node, _outrigger_v1_DrainNodeRequest__Output, _outrigger_v1_Node__Output>
  GetService: MethodDefinition<_outrigger_v1_ServiceRef, _outrigger_v1_Service, _outrigger_v1_ServiceRef__Output, _outrigger_v1_Service__Output>
  GetStatus: MethodDefinition<_outrigger_v1_GetStatusRequest, _outrigger_v1_Status, _outrigger_v1_GetStatusRequest__Output, _outrigger_v1_Status__Output>
  ListNodes: MethodDefinition<_outrigger_v1_ListNodesRequest, _outrigger_v1_ListNodesResponse, _outrigger_v1_ListNodesRequest__Output, _outrigger_v1_ListNodesResponse__Output>
  ListServices: MethodDefinition<_outrigger_v1_ListServicesRequest, _outrigger_v1_ListServicesResponse, _outrigger_v1_ListServicesRequest__Output, _outrigger_v1_ListServicesResponse__Output>
  Logs: MethodDefinition<_outrigger_v1_LogsRequest, _outrigger_v1_LogLine, _outrigger_v1_LogsRequest__Output, _outrigger_v1_LogLine__Output>
  Restart: MethodDefinition<_outrigger_v1_RestartRequest, _outrigger_v1_Service, _outrigger_v1_RestartRequest__Output, _outrigger_v1_Service__Output>
  Scale: MethodDefinition<_outrigger_v1_ScaleRequest, _outrigger_v1_Service, _outrigger_v1_ScaleRequest__Output, _outrigger_v1_Service__Output>
  UndrainNode: MethodDefinition<_outrigger_v1_UndrainNodeRequest, _outrigger_v1_Node, _outrigger_v1_UndrainNodeRequest__Output, _outrigger_v1_Node__Output>
  WatchEvents: MethodDefinition<_outrigger_v1_WatchEventsRequest, _outrigger_v1_Event, _outrigger_v1_WatchEventsRequest__Output, _outrigger_v1_Event__Output>
  WatchServices: MethodDefinition<_outrigger_v1_ListServicesRequest, _outrigger_v1_ListServicesResponse, _outrigger_v1_ListServicesRequest__Output, _outrigger_v1_ListServicesResponse__Output>
  Why: MethodDefinition<_outrigger_v1_ServiceRef, _outrigger_v1_Why, _outrigger_v1_ServiceRef__Output, _outrigger_v1_Why__Output>
}
