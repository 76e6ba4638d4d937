// Original file: proto/outrigger/v1/control.proto

import type { Long } from '@grpc/proto-loader';

export interface DeviceHolder {
  'namespace'?: (string);
  'service'?: (string);
  'replicaId'?: (string);
  'memoryBytes'?: (number | string | Long);
  '_memoryBytes'?: "memoryBytes";
}

export interface DeviceHolder__Output {
  'namespace': (string);
  'service': (string);
  'replicaId': (string);
  'memoryBytes'?: (number);
  '_memoryBytes'?: "memoryBytes";
}
