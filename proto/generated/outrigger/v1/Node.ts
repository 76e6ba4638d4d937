// Original file: proto/outrigger/v1/control.proto

import type { Device as _outrigger_v1_Device, Device__Output as _outrigger_v1_Device__Output } from '../../outrigger/v1/Device.ts';
import type { Long } from '@grpc/proto-loader';

export interface Node {
  'name'?: (string);
  'answering'?: (boolean);
  'error'?: (string);
  'cpus'?: (number | string);
  'memoryBytes'?: (number | string | Long);
  'heldCpus'?: (number | string);
  'heldMemoryBytes'?: (number | string | Long);
  'devices'?: (_outrigger_v1_Device)[];
  'replicas'?: (number);
  'labels'?: ({[key: string]: string});
  'connection'?: (string);
  'address'?: (string);
  'reach'?: (string);
  'state'?: (string);
  'silentSinceMs'?: (number | string | Long);
  'drainingSinceMs'?: (number | string | Long);
  'reservedCpus'?: (number | string);
  'reservedMemoryBytes'?: (number | string | Long);
  'driverTrouble'?: (string);
}

export interface Node__Output {
  'name': (string);
  'answering': (boolean);
  'error': (string);
  'cpus': (number);
  'memoryBytes': (number);
  'heldCpus': (number);
  'heldMemoryBytes': (number);
  'devices': (_outrigger_v1_Device__Output)[];
  'replicas': (number);
  'labels': ({[key: string]: string});
  'connection': (string);
  'address': (string);
  'reach': (string);
  'state': (string);
  'silentSinceMs': (number);
  'drainingSinceMs': (number);
  'reservedCpus': (number);
  'reservedMemoryBytes': (number);
  'driverTrouble': (string);
}
