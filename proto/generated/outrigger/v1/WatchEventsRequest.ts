// Original file: proto/outrigger/v1/control.proto

import type { Long } from '@grpc/proto-loader';

export interface WatchEventsRequest {
  'namespace'?: (string);
  'name'?: (string);
  'past'?: (number);
  'follow'?: (boolean);
  'afterSequence'?: (number | string | Long);
  'node'?: (string);
}

export interface WatchEventsRequest__Output {
  'namespace': (string);
  'name': (string);
  'past': (number);
  'follow': (boolean);
  'afterSequence': (number);
  'node': (string);
}
