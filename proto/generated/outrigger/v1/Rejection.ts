// Original file: proto/outrigger/v1/control.proto

import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from '../../google/protobuf/Value.ts';

export interface Rejection {
  'node'?: (string);
  'device'?: (string);
  'constraint'?: (string);
  'message'?: (string);
  'requested'?: (_google_protobuf_Value | null);
  'free'?: (_google_protobuf_Value | null);
  'total'?: (_google_protobuf_Value | null);
}

export interface Rejection__Output {
  'node': (string);
  'device': (string);
  'constraint': (string);
  'message': (string);
  'requested': (_google_protobuf_Value__Output | null);
  'free': (_google_protobuf_Value__Output | null);
  'total': (_google_protobuf_Value__Output | null);
}
