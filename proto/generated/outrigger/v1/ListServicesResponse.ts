// Original file: proto/outrigger/v1/control.proto

import type { Service as _outrigger_v1_Service, Service__Output as _outrigger_v1_Service__Output } from '../../outrigger/v1/Service.ts';

export interface ListServicesResponse {
  'services'?: (_outrigger_v1_Service)[];
}

export interface ListServicesResponse__Output {
  'services': (_outrigger_v1_Service__Output)[];
}
