// Original file: proto/outrigger/v1/control.proto

import type { DeviceSlice as _outrigger_v1_DeviceSlice, DeviceSlice__Output as _outrigger_v1_DeviceSlice__Output } from '../../outrigger/v1/DeviceSlice.ts';
import type { DeviceHolder as _outrigger_v1_DeviceHolder, DeviceHolder__Output as _outrigger_v1_DeviceHolder__Output } from '../../outrigger/v1/DeviceHolder.ts';
import type { DeviceUse as _outrigger_v1_DeviceUse, DeviceUse__Output as _outrigger_v1_DeviceUse__Output } from '../../outrigger/v1/DeviceUse.ts';
import type { Long } from '@grpc/proto-loader';

export interface Device {
  'id'?: (string);
  'driver'?: (string);
  'model'?: (string);
  'memoryBytes'?: (number | string | Long);
  'kind'?: (string);
  'index'?: (string);
  'uuid'?: (string);
  'slice'?: (_outrigger_v1_DeviceSlice | null);
  'state'?: (string);
  'holders'?: (_outrigger_v1_DeviceHolder)[];
  'declaredBytes'?: (number | string | Long);
  'measuredUsedBytes'?: (number | string | Long);
  'measuredFreeBytes'?: (number | string | Long);
  'message'?: (string);
  'quarantinedUntilMs'?: (number | string | Long);
  'use'?: (_outrigger_v1_DeviceUse | null);
  '_measuredUsedBytes'?: "measuredUsedBytes";
  '_measuredFreeBytes'?: "measuredFreeBytes";
  '_quarantinedUntilMs'?: "quarantinedUntilMs";
}

export interface Device__Output {
  'id': (string);
  'driver': (string);
  'model': (string);
  'memoryBytes': (number);
  'kind': (string);
  'index': (string);
  'uuid': (string);
  'slice': (_outrigger_v1_DeviceSlice__Output | null);
  'state': (string);
  'holders': (_outrigger_v1_DeviceHolder__Output)[];
  'declaredBytes': (number);
  'measuredUsedBytes'?: (number);
  'measuredFreeBytes'?: (number);
  'message': (string);
  'quarantinedUntilMs'?: (number);
  'use': (_outrigger_v1_DeviceUse__Output | null);
  '_measuredUsedBytes'?: "measuredUsedBytes";
  '_measuredFreeBytes'?: "measuredFreeBytes";
  '_quarantinedUntilMs'?: "quarantinedUntilMs";
}
