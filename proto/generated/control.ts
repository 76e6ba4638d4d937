import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ListValue as _google_protobuf_ListValue, ListValue__Output as _google_protobuf_ListValue__Output } from './google/protobuf/ListValue.ts';
import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from './google/protobuf/Struct.ts';
import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from './google/protobuf/Value.ts';
import type { ApplyRequest as _outrigger_v1_ApplyRequest, ApplyRequest__Output as _outrigger_v1_ApplyRequest__Output } from './outrigger/v1/ApplyRequest.ts';
import type { ApplyResponse as _outrigger_v1_ApplyResponse, ApplyResponse__Output as _outrigger_v1_ApplyResponse__Output } from './outrigger/v1/ApplyResponse.ts';
import type { ControlClient as _outrigger_v1_ControlClient, ControlDefinition as _outrigger_v1_ControlDefinition } from './outrigger/v1/Control.ts';
import type { DeleteRequest as _outrigger_v1_DeleteRequest, DeleteRequest__Output as _outrigger_v1_DeleteRequest__Output } from './outrigger/v1/DeleteRequest.ts';
import type { DeleteResponse as _outrigger_v1_DeleteResponse, DeleteResponse__Output as _outrigger_v1_DeleteResponse__Output } from './outrigger/v1/DeleteResponse.ts';
import type { Device as _outrigger_v1_Device, Device__Output as _outrigger_v1_Device__Output } from './outrigger/v1/Device.ts';
import type { DeviceHolder as _outrigger_v1_DeviceHolder, DeviceHolder__Output as _outrigger_v1_DeviceHolder__Output } from './outrigger/v1/DeviceHolder.ts';
import type { DeviceSlice as _outrigger_v1_DeviceSlice, DeviceSlice__Output as _outrigger_v1_DeviceSlice__Output } from './outrigger/v1/DeviceSlice.ts';
import type { DeviceUse as _outrigger_v1_DeviceUse, DeviceUse__Output as _outrigger_v1_DeviceUse__Output } from './outrigger/v1/DeviceUse.ts';
import type { DiscoveryClient as _outrigger_v1_DiscoveryClient, DiscoveryDefinition as _outrigger_v1_DiscoveryDefinition } from './outrigger/v1/Discovery.ts';
import type { DrainNodeRequest as _outrigger_v1_DrainNodeRequest, DrainNodeRequest__Output as _outrigger_v1_DrainNodeRequest__Output } from './outrigger/v1/DrainNodeRequest.ts';
import type { Endpoint as _outrigger_v1_Endpoint, Endpoint__Output as _outrigger_v1_Endpoint__Output } from './outrigger/v1/Endpoint.ts';
import type { EndpointAddress as _outrigger_v1_EndpointAddress, EndpointAddress__Output as _outrigger_v1_EndpointAddress__Output } from './outrigger/v1/EndpointAddress.ts';
import type { Event as _outrigger_v1_Event, Event__Output as _outrigger_v1_Event__Output } from './outrigger/v1/Event.ts';
import type { FailedRollout as _outrigger_v1_FailedRollout, FailedRollout__Output as _outrigger_v1_FailedRollout__Output } from './outrigger/v1/FailedRollout.ts';
import type { GetStatusRequest as _outrigger_v1_GetStatusRequest, GetStatusRequest__Output as _outrigger_v1_GetStatusRequest__Output } from './outrigger/v1/GetStatusRequest.ts';
import type { ListNodesRequest as _outrigger_v1_ListNodesRequest, ListNodesRequest__Output as _outrigger_v1_ListNodesRequest__Output } from './outrigger/v1/ListNodesRequest.ts';
import type { ListNodesResponse as _outrigger_v1_ListNodesResponse, ListNodesResponse__Output as _outrigger_v1_ListNodesResponse__Output } from './outrigger/v1/ListNodesResponse.ts';
import type { ListServicesRequest as _outrigger_v1_ListServicesRequest, ListServicesRequest__Output as _outrigger_v1_ListServicesRequest__Output } from './outrigger/v1/ListServicesRequest.ts';
import type { ListServicesResponse as _outrigger_v1_ListServicesResponse, ListServicesResponse__Output as _outrigger_v1_ListServicesResponse__Output } from './outrigger/v1/ListServicesResponse.ts';
import type { LogLine as _outrigger_v1_LogLine, LogLine__Output as _outrigger_v1_LogLine__Output } from './outrigger/v1/LogLine.ts';
import type { LogsRequest as _outrigger_v1_LogsRequest, LogsRequest__Output as _outrigger_v1_LogsRequest__Output } from './outrigger/v1/LogsRequest.ts';
import type { Node as _outrigger_v1_Node, Node__Output as _outrigger_v1_Node__Output } from './outrigger/v1/Node.ts';
import type { PhaseTiming as _outrigger_v1_PhaseTiming, PhaseTiming__Output as _outrigger_v1_PhaseTiming__Output } from './outrigger/v1/PhaseTiming.ts';
import type { RegistryStatus as _outrigger_v1_RegistryStatus, RegistryStatus__Output as _outrigger_v1_RegistryStatus__Output } from './outrigger/v1/RegistryStatus.ts';
import type { Rejection as _outrigger_v1_Rejection, Rejection__Output as _outrigger_v1_Rejection__Output } from './outrigger/v1/Rejection.ts';
import type { Replica as _outrigger_v1_Replica, Replica__Output as _outrigger_v1_Replica__Output } from './outrigger/v1/Replica.ts';
import type { ResolveRequest as _outrigger_v1_ResolveRequest, ResolveRequest__Output as _outrigger_v1_ResolveRequest__Output } from './outrigger/v1/ResolveRequest.ts';
import type { RestartRequest as _outrigger_v1_RestartRequest, RestartRequest__Output as _outrigger_v1_RestartRequest__Output } from './outrigger/v1/RestartRequest.ts';
import type { ScaleRequest as _outrigger_v1_ScaleRequest, ScaleRequest__Output as _outrigger_v1_ScaleRequest__Output } from './outrigger/v1/ScaleRequest.ts';
import type { Service as _outrigger_v1_Service, Service__Output as _outrigger_v1_Service__Output } from './outrigger/v1/Service.ts';
import type { ServiceRef as _outrigger_v1_ServiceRef, ServiceRef__Output as _outrigger_v1_ServiceRef__Output } from './outrigger/v1/ServiceRef.ts';
import type { Snapshot as _outrigger_v1_Snapshot, Snapshot__Output as _outrigger_v1_Snapshot__Output } from './outrigger/v1/Snapshot.ts';
import type { Status as _outrigger_v1_Status, Status__Output as _outrigger_v1_Status__Output } from './outrigger/v1/Status.ts';
import type { UndrainNodeRequest as _outrigger_v1_UndrainNodeRequest, UndrainNodeRequest__Output as _outrigger_v1_UndrainNodeRequest__Output } from './outrigger/v1/UndrainNodeRequest.ts';
import type { WatchEventsRequest as _outrigger_v1_WatchEventsRequest, WatchEventsRequest__Output as _outrigger_v1_WatchEventsRequest__Output } from './outrigger/v1/WatchEventsRequest.ts';
import type { WatchRequest as _outrigger_v1_WatchRequest, WatchRequest__Output as _outrigger_v1_WatchRequest__Output } from './outrigger/v1/WatchRequest.ts';
import type { WatchSubscription as _outrigger_v1_WatchSubscription, WatchSubscription__Output as _outrigger_v1_WatchSubscription__Output } from './outrigger/v1/WatchSubscription.ts';
import type { Why as _outrigger_v1_Why, Why__Output as _outrigger_v1_Why__Output } from './outrigger/v1/Why.ts';
import type { WhyGroup as _outrigger_v1_WhyGroup, WhyGroup__Output as _outrigger_v1_WhyGroup__Output } from './outrigger/v1/WhyGroup.ts';
import type { WhyReplica as _outrigger_v1_WhyReplica, WhyReplica__Output as _outrigger_v1_WhyReplica__Output } from './outrigger/v1/WhyReplica.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      ListValue: MessageTypeDefinition<_google_protobuf_ListValue, _google_protobuf_ListValue__Output>
      NullValue: EnumTypeDefinition
      Struct: MessageTypeDefinition<_google_protobuf_Struct, _google_protobuf_Struct__Output>
      Value: MessageTypeDefinition<_google_protobuf_Value, _google_protobuf_Value__Output>
    }
  }
  outrigger: {
    v1: {
      ApplyRequest: MessageTypeDefinition<_outrigger_v1_ApplyRequest, _outrigger_v1_ApplyRequest__Output>
      ApplyResponse: MessageTypeDefinition<_outrigger_v1_ApplyResponse, _outrigger_v1_ApplyResponse__Output>
      Control: SubtypeConstructor<typeof grpc.Client, _outrigger_v1_ControlClient> & { service: _outrigger_v1_ControlDefinition }
      DeleteRequest: MessageTypeDefinition<_outrigger_v1_DeleteRequest, _outrigger_v1_DeleteRequest__Output>
      DeleteResponse: MessageTypeDefinition<_outrigger_v1_DeleteResponse, _outrigger_v1_DeleteResponse__Output>
      Device: MessageTypeDefinition<_outrigger_v1_Device, _outrigger_v1_Device__Output>
      DeviceHolder: MessageTypeDefinition<_outrigger_v1_DeviceHolder, _outrigger_v1_DeviceHolder__Output>
      DeviceSlice: MessageTypeDefinition<_outrigger_v1_DeviceSlice, _outrigger_v1_DeviceSlice__Output>
      DeviceUse: MessageTypeDefinition<_outrigger_v1_DeviceUse, _outrigger_v1_DeviceUse__Output>
      Discovery: SubtypeConstructor<typeof grpc.Client, _outrigger_v1_DiscoveryClient> & { service: _outrigger_v1_DiscoveryDefinition }
      DrainNodeRequest: MessageTypeDefinition<_outrigger_v1_DrainNodeRequest, _outrigger_v1_DrainNodeRequest__Output>
      Endpoint: MessageTypeDefinition<_outrigger_v1_Endpoint, _outrigger_v1_Endpoint__Output>
      EndpointAddress: MessageTypeDefinition<_outrigger_v1_EndpointAddress, _outrigger_v1_EndpointAddress__Output>
      Event: MessageTypeDefinition<_outrigger_v1_Event, _outrigger_v1_Event__Output>
      FailedRollout: MessageTypeDefinition<_outrigger_v1_FailedRollout, _outrigger_v1_FailedRollout__Output>
      GetStatusRequest: MessageTypeDefinition<_outrigger_v1_GetStatusRequest, _outrigger_v1_GetStatusRequest__Output>
      ListNodesRequest: MessageTypeDefinition<_outrigger_v1_ListNodesRequest, _outrigger_v1_ListNodesRequest__Output>
      ListNodesResponse: MessageTypeDefinition<_outrigger_v1_ListNodesResponse, _outrigger_v1_ListNodesResponse__Output>
      ListServicesRequest: MessageTypeDefinition<_outrigger_v1_ListServicesRequest, _outrigger_v1_ListServicesRequest__Output>
      ListServicesResponse: MessageTypeDefinition<_outrigger_v1_ListServicesResponse, _outrigger_v1_ListServicesResponse__Output>
      LogLine: MessageTypeDefinition<_outrigger_v1_LogLine, _outrigger_v1_LogLine__Output>
      LogsRequest: MessageTypeDefinition<_outrigger_v1_LogsRequest, _outrigger_v1_LogsRequest__Output>
      Node: MessageTypeDefinition<_outrigger_v1_Node, _outrigger_v1_Node__Output>
      PhaseTiming: MessageTypeDefinition<_outrigger_v1_PhaseTiming, _outrigger_v1_PhaseTiming__Output>
      RegistryStatus: MessageTypeDefinition<_outrigger_v1_RegistryStatus, _outrigger_v1_RegistryStatus__Output>
      Rejection: MessageTypeDefinition<_outrigger_v1_Rejection, _outrigger_v1_Rejection__Output>
      Replica: MessageTypeDefinition<_outrigger_v1_Replica, _outrigger_v1_Replica__Output>
      ResolveRequest: MessageTypeDefinition<_outrigger_v1_ResolveRequest, _outrigger_v1_ResolveRequest__Output>
      RestartRequest: MessageTypeDefinition<_outrigger_v1_RestartRequest, _outrigger_v1_RestartRequest__Output>
      ScaleRequest: MessageTypeDefinition<_outrigger_v1_ScaleRequest, _outrigger_v1_ScaleRequest__Output>
      Service: MessageTypeDefinition<_outrigger_v1_Service, _outrigger_v1_Service__Output>
      ServiceRef: MessageTypeDefinition<_outrigger_v1_ServiceRef, _outrigger_v1_ServiceRef__Output>
      Snapshot: MessageTypeDefinition<_outrigger_v1_Snapshot, _outrigger_v1_Snapshot__Output>
      Status: MessageTypeDefinition<_outrigger_v1_Status, _outrigger_v1_Status__Output>
      UndrainNodeRequest: MessageTypeDefinition<_outrigger_v1_UndrainNodeRequest, _outrigger_v1_UndrainNodeRequest__Output>
      WatchEventsRequest: MessageTypeDefinition<_outrigger_v1_WatchEventsRequest, _outrigger_v1_WatchEventsRequest__Output>
      WatchRequest: MessageTypeDefinition<_outrigger_v1_WatchRequest, _outrigger_v1_WatchRequest__Output>
      WatchSubscription: MessageTypeDefinition<_outrigger_v1_WatchSubscription, _outrigger_v1_WatchSubscription__Output>
      Why: MessageTypeDefinition<_outrigger_v1_Why, _outrigger_v1_Why__Output>
      WhyGroup: MessageTypeDefinition<_outrigger_v1_WhyGroup, _outrigger_v1_WhyGroup__Output>
      WhyReplica: MessageTypeDefinition<_outrigger_v1_WhyReplica, _outrigger_v1_WhyReplica__Output>
    }
  }
}

