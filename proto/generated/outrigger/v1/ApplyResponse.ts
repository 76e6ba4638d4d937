// Original file: proto/outrigger/v1/control.proto

import type { ServiceRef as _outrigger_v1_ServiceRef, ServiceRef__Output as _outrigger_v1_ServiceRef__Output } from '../../outrigger/v1/ServiceRef.ts';

export interface _outrigger_v1_ApplyResponse_Result {
  'service'?: (_outrigger_v1_ServiceRef | null);
  'outcome'?: (string);
  'generation'?: (number);
  'warnings'?: (string)[];
}

export interface _outrigger_v1_ApplyResponse_Result__Output {
  'service': (_outrigger_v1_ServiceRef__Output | null);
  'outcome': (string);
  'generation': (number);
  'warnings': (string)[];
}

export interface ApplyResponse {
  'results'?: (_outrigger_v1_ApplyResponse_Result)[];
}

export interface ApplyResponse__Output {
  'results': (_outrigger_v1_ApplyResponse_Result__Output)[];
}
