// Original file: proto/outrigger/v1/control.proto

import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../google/protobuf/Struct.ts';

export interface ApplyRequest {
  'specs'?: (_google_protobuf_Struct)[];
  'origin'?: (string);
  'dryRun'?: (boolean);
  'requestId'?: (string);
}

export interface ApplyRequest__Output {
  'specs': (_google_protobuf_Struct__Output)[];
  'origin': (string);
  'dryRun': (boolean);
  'requestId': (string);
}
