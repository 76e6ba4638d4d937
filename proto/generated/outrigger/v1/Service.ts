// Original file: proto/outrigger/v1/control.proto

import type { Replica as _outrigger_v1_Replica, Replica__Output as _outrigger_v1_Replica__Output } from '../../outrigger/v1/Replica.ts';
import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../google/protobuf/Struct.ts';
import type { FailedRollout as _outrigger_v1_FailedRollout, FailedRollout__Output as _outrigger_v1_FailedRollout__Output } from '../../outrigger/v1/FailedRollout.ts';
import type { Long } from '@grpc/proto-loader';

export interface Service {
  'namespace'?: (string);
  'name'?: (string);
  'generation'?: (number);
  'image'?: (string);
  'protocol'?: (string);
  'port'?: (number);
  'wantedReplicas'?: (number);
  'readyReplicas'?: (number);
  'state'?: (string);
  'message'?: (string);
  'deleting'?: (boolean);
  'origin'?: (string);
  'acceptedAtMs'?: (number | string | Long);
  'replicas'?: (_outrigger_v1_Replica)[];
  'spec'?: (_google_protobuf_Struct | null);
  'failedRollout'?: (_outrigger_v1_FailedRollout | null);
  'createdBy'?: (string);
  'askedBy'?: (string);
}

export interface Service__Output {
  'namespace': (string);
  'name': (string);
  'generation': (number);
  'image': (string);
  'protocol': (string);
  'port': (number);
  'wantedReplicas': (number);
  'readyReplicas': (number);
  'state': (string);
  'message': (string);
  'deleting': (boolean);
  'origin': (string);
  'acceptedAtMs': (number);
  'replicas': (_outrigger_v1_Replica__Output)[];
  'spec': (_google_protobuf_Struct__Output | null);
  'failedRollout': (_outrigger_v1_FailedRollout__Output | null);
  'createdBy': (string);
  'askedBy': (string);
}
