// Original file: proto/outrigger/v1/control.proto

import type { Long } from '@grpc/proto-loader';

export interface Event {
  'sequence'?: (number | string | Long);
  'atMs'?: (number | string | Long);
  'namespace'?: (string);
  'service'?: (string);
  'replicaId'?: (string);
  'type'?: (string);
  'message'?: (string);
  'node'?: (string);
}

export interface Event__Output {
  'sequence': (number);
  'atMs': (number);
  'namespace': (string);
  'service': (string);
  'replicaId': (string);
  'type': (string);
  'message': (string);
  'node': (string);
}
