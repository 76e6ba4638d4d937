// Original file: proto/outrigger/v1/control.proto

import type { WhyGroup as _outrigger_v1_WhyGroup, WhyGroup__Output as _outrigger_v1_WhyGroup__Output } from '../../outrigger/v1/WhyGroup.ts';
import type { Rejection as _outrigger_v1_Rejection, Rejection__Output as _outrigger_v1_Rejection__Output } from '../../outrigger/v1/Rejection.ts';
import type { Long } from '@grpc/proto-loader';

export interface WhyReplica {
  'id'?: (string);
  'generation'?: (number);
  'phase'?: (string);
  'sinceMs'?: (number | string | Long);
  'waiting'?: (boolean);
  'node'?: (string);
  'devices'?: (string)[];
  'retryAtMs'?: (number | string | Long);
  'summary'?: (string)[];
  'groups'?: (_outrigger_v1_WhyGroup)[];
  'rejections'?: (_outrigger_v1_Rejection)[];
  'impaired'?: (boolean);
}

export interface WhyReplica__Output {
  'id': (string);
  'generation': (number);
  'phase': (string);
  'sinceMs': (number);
  'waiting': (boolean);
  'node': (string);
  'devices': (string)[];
  'retryAtMs': (number);
  'summary': (string)[];
  'groups': (_outrigger_v1_WhyGroup__Output)[];
  'rejections': (_outrigger_v1_Rejection__Output)[];
  'impaired': (boolean);
}
