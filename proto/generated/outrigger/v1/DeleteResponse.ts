// Original file: proto/outrigger/v1/control.proto

import type { ServiceRef as _outrigger_v1_ServiceRef, ServiceRef__Output as _outrigger_v1_ServiceRef__Output } from '../../outrigger/v1/ServiceRef.ts';

export interface DeleteResponse {
  'services'?: (_outrigger_v1_ServiceRef)[];
}

export interface DeleteResponse__Output {
  'services': (_outrigger_v1_ServiceRef__Output)[];
}
