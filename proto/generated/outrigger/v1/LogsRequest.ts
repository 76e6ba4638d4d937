// Original file: proto/outrigger/v1/control.proto

import type { Long } from '@grpc/proto-loader';

export interface LogsRequest {
  'namespace'?: (string);
  'names'?: (string)[];
  'replicaId'?: (string);
  'tail'?: (number);
  'follow'?: (boolean);
  'sinceMs'?: (number | string | Long);
  '_tail'?: "tail";
}

export interface LogsRequest__Output {
  'namespace': (string);
  'names': (string)[];
  'replicaId': (string);
  'tail'?: (number);
  'follow': (boolean);
  'sinceMs': (number);
  '_tail'?: "tail";
}
