// Original file: proto/outrigger/v1/control.proto

import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from '../../google/protobuf/Value.ts';

export interface Rejection {
  'node'?: (string);
  'device'?: (string);
  'constraint'?: (string);
  'message'?: (string);
  'requested'?: (_google_protobuf_Value | null);
  'free'?: (number | string);
  'total'?: (number | string);
  'found'?: (string);
  'heldBy'?: (string)[];
  '_free'?: "free";
  '_total'?: "total";
}

export interface Rejection__Output {
  'node': (string);
  'device': (string);
  'constraint': (string);
  'message': (string);
  'requested': (_google_protobuf_Value__Output | null);
  'free'?: (number);
  'total'?: (number);
  'found': (string);
  'heldBy': (string)[];
  '_free'?: "free";
  '_total'?: "total";
}
