// Original file: proto/outrigger/v1/discovery.proto

import type { Endpoint as _outrigger_v1_Endpoint, Endpoint__Output as _outrigger_v1_Endpoint__Output } from '../../outrigger/v1/Endpoint.ts';
import type { Long } from '@grpc/proto-loader';

export interface Snapshot {
  'namespace'?: (string);
  'service'?: (string);
  'version'?: (number | string | Long);
  'epoch'?: (string);
  'known'?: (boolean);
  'endpoints'?: (_outrigger_v1_Endpoint)[];
}

export interface Snapshot__Output {
  'namespace': (string);
  'service': (string);
  'version': (number);
  'epoch': (string);
  'known': (boolean);
  'endpoints': (_outrigger_v1_Endpoint__Output)[];
}
