// Original file: proto/outrigger/v1/control.proto

import type { Device as _outrigger_v1_Device, Device__Output as _outrigger_v1_Device__Output } from '../../outrigger/v1/Device.ts';
import type { Long } from '@grpc/proto-loader';

export interface Node {
  'name'?: (string);
  'answering'?: (boolean);
  'error'?: (string);
  'cpus'?: (number | string);
  'memoryBytes'?: (number | string | Long);
  'reservedCpus'?: (number | string);
  'reservedMemoryBytes'?: (number | string | Long);
  'devices'?: (_outrigger_v1_Device)[];
  'replicas'?: (number);
  'labels'?: ({[key: string]: string});
  'connection'?: (string);
  'address'?: (string);
  'reach'?: (string);
  'state'?: (string);
  'silentSinceMs'?: (number | string | Long);
  'drainingSinceMs'?: (number | string | Long);
  'keptCpus'?: (number | string);
  'keptMemoryBytes'?: (number | string | Long);
  'driverTrouble'?: (string);
}

export interface Node__Output {
  'name': (string);
  'answering': (boolean);
  'error': (string);
  'cpus': (number);
  'memoryBytes': (number);
  'reservedCpus': (number);
  'reservedMemoryBytes': (number);
  'devices': (_outrigger_v1_Device__Output)[];
  'replicas': (number);
  'labels': ({[key: string]: string});
  'connection': (string);
  'address': (string);
  'reach': (string);
  'state': (string);
  'silentSinceMs': (number);
  'drainingSinceMs': (number);
  'keptCpus': (number);
  'keptMemoryBytes': (number);
  'driverTrouble': (string);
}
