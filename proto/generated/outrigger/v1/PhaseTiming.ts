// Original file: proto/outrigger/v1/control.proto

import type { Long } from '@grpc/proto-loader';

export interface PhaseTiming {
  'phase'?: (string);
  'enteredAtMs'?: (number | string | Long);
}

export interface PhaseTiming__Output {
  'phase': (string);
  'enteredAtMs': (number);
}
