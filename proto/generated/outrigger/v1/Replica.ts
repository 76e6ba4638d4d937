// Original file: proto/outrigger/v1/control.proto

import type { EndpointAddress as _outrigger_v1_EndpointAddress, EndpointAddress__Output as _outrigger_v1_EndpointAddress__Output } from '../../outrigger/v1/EndpointAddress.ts';
import type { PhaseTiming as _outrigger_v1_PhaseTiming, PhaseTiming__Output as _outrigger_v1_PhaseTiming__Output } from '../../outrigger/v1/PhaseTiming.ts';
import type { Long } from '@grpc/proto-loader';

export interface Replica {
  'id'?: (string);
  'generation'?: (number);
  'phase'?: (string);
  'sinceMs'?: (number | string | Long);
  'message'?: (string);
  'node'?: (string);
  'devices'?: (string)[];
  'containerId'?: (string);
  'containerName'?: (string);
  'attempt'?: (number);
  'impaired'?: (boolean);
  'retryAtMs'?: (number | string | Long);
  'exitCode'?: (number);
  'logTail'?: (string)[];
  'addresses'?: (_outrigger_v1_EndpointAddress)[];
  'pulledBytes'?: (number | string | Long);
  'pullTotalBytes'?: (number | string | Long);
  'createdAtMs'?: (number | string | Long);
  'timings'?: (_outrigger_v1_PhaseTiming)[];
  'image'?: (string);
  'purpose'?: (string);
  '_exitCode'?: "exitCode";
}

export interface Replica__Output {
  'id': (string);
  'generation': (number);
  'phase': (string);
  'sinceMs': (number);
  'message': (string);
  'node': (string);
  'devices': (string)[];
  'containerId': (string);
  'containerName': (string);
  'attempt': (number);
  'impaired': (boolean);
  'retryAtMs': (number);
  'exitCode'?: (number);
  'logTail': (string)[];
  'addresses': (_outrigger_v1_EndpointAddress__Output)[];
  'pulledBytes': (number);
  'pullTotalBytes': (number);
  'createdAtMs': (number);
  'timings': (_outrigger_v1_PhaseTiming__Output)[];
  'image': (string);
  'purpose': (string);
  '_exitCode'?: "exitCode";
}
