// Original file: proto/outrigger/v1/control.proto

import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from '../../google/protobuf/Value.ts';

export interface WhyGroup {
  'constraint'?: (string);
  'nodes'?: (string)[];
  'message'?: (string);
  'requested'?: (_google_protobuf_Value | null);
  'free'?: (number | string);
  'total'?: (number | string);
  'heldBy'?: (string)[];
  'help'?: (string)[];
  '_free'?: "free";
  '_total'?: "total";
}

export interface WhyGroup__Output {
  'constraint': (string);
  'nodes': (string)[];
  'message': (string);
  'requested': (_google_protobuf_Value__Output | null);
  'free'?: (number);
  'total'?: (number);
  'heldBy': (string)[];
  'help': (string)[];
  '_free'?: "free";
  '_total'?: "total";
}
