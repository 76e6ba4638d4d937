// Original file: proto/outrigger/v1/control.proto

import type { ServiceRef as _outrigger_v1_ServiceRef, ServiceRef__Output as _outrigger_v1_ServiceRef__Output } from '../../outrigger/v1/ServiceRef.ts';

export interface ScaleRequest {
  'service'?: (_outrigger_v1_ServiceRef | null);
  'replicas'?: (number);
}

export interface ScaleRequest__Output {
  'service': (_outrigger_v1_ServiceRef__Output | null);
  'replicas': (number);
}
