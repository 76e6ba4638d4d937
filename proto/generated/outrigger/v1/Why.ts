// Original file: proto/outrigger/v1/control.proto

import type { WhyReplica as _outrigger_v1_WhyReplica, WhyReplica__Output as _outrigger_v1_WhyReplica__Output } from '../../outrigger/v1/WhyReplica.ts';

export interface Why {
  'namespace'?: (string);
  'name'?: (string);
  'state'?: (string);
  'message'?: (string);
  'replicas'?: (_outrigger_v1_WhyReplica)[];
  'total'?: (number);
  'waiting'?: (number);
}

export interface Why__Output {
  'namespace': (string);
  'name': (string);
  'state': (string);
  'message': (string);
  'replicas': (_outrigger_v1_WhyReplica__Output)[];
  'total': (number);
  'waiting': (number);
}
