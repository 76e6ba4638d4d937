// Original file: proto/outrigger/v1/control.proto

import type { RegistryStatus as _outrigger_v1_RegistryStatus, RegistryStatus__Output as _outrigger_v1_RegistryStatus__Output } from '../../outrigger/v1/RegistryStatus.ts';
import type { Long } from '@grpc/proto-loader';

export interface Status {
  'version'?: (string);
  'instance'?: (string);
  'startedAtMs'?: (number | string | Long);
  'pid'?: (number);
  'registry'?: (_outrigger_v1_RegistryStatus | null);
  'listen'?: (string)[];
  'services'?: (number);
  'exitWhenIdle'?: (boolean);
  'nodesProblem'?: (string);
  'nodesFile'?: (string);
  'nodesFileFrom'?: (string);
  'trouble'?: (string);
}

export interface Status__Output {
  'version': (string);
  'instance': (string);
  'startedAtMs': (number);
  'pid': (number);
  'registry': (_outrigger_v1_RegistryStatus__Output | null);
  'listen': (string)[];
  'services': (number);
  'exitWhenIdle': (boolean);
  'nodesProblem': (string);
  'nodesFile': (string);
  'nodesFileFrom': (string);
  'trouble': (string);
}
