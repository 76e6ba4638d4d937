// Original file: proto/outrigger/v1/discovery.proto

import type { EndpointAddress as _outrigger_v1_EndpointAddress, EndpointAddress__Output as _outrigger_v1_EndpointAddress__Output } from '../../outrigger/v1/EndpointAddress.ts';

export interface Endpoint {
  'replicaId'?: (string);
  'containerId'?: (string);
  'generation'?: (number);
  'node'?: (string);
  'protocol'?: (string);
  'addresses'?: (_outrigger_v1_EndpointAddress)[];
}

export interface Endpoint__Output {
  'replicaId': (string);
  'containerId': (string);
  'generation': (number);
  'node': (string);
  'protocol': (string);
  'addresses': (_outrigger_v1_EndpointAddress__Output)[];
}
