// Original file: proto/outrigger/v1/control.proto

import type { Node as _outrigger_v1_Node, Node__Output as _outrigger_v1_Node__Output } from '../../outrigger/v1/Node.ts';

export interface ListNodesResponse {
  'nodes'?: (_outrigger_v1_Node)[];
}

export interface ListNodesResponse__Output {
  'nodes': (_outrigger_v1_Node__Output)[];
}
