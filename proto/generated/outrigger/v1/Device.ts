// Original file: proto/outrigger/v1/control.proto

import type { Long } from '@grpc/proto-loader';

export interface Device {
  'id'?: (string);
  'driver'?: (string);
  'model'?: (string);
  'memoryBytes'?: (number | string | Long);
  'heldBy'?: (string);
}

export interface Device__Output {
  'id': (string);
  'driver': (string);
  'model': (string);
  'memoryBytes': (number);
  'heldBy': (string);
}
