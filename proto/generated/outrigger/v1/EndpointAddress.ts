// Original file: proto/outrigger/v1/discovery.proto


// Original file: proto/outrigger/v1/discovery.proto

export const _outrigger_v1_EndpointAddress_Kind = {
  KIND_UNSPECIFIED: 'KIND_UNSPECIFIED',
  NETWORK: 'NETWORK',
  PUBLISHED: 'PUBLISHED',
} as const;

export type _outrigger_v1_EndpointAddress_Kind =
  | 'KIND_UNSPECIFIED'
  | 0
  | 'NETWORK'
  | 1
  | 'PUBLISHED'
  | 2

export type _outrigger_v1_EndpointAddress_Kind__Output = typeof _outrigger_v1_EndpointAddress_Kind[keyof typeof _outrigger_v1_EndpointAddress_Kind]

export interface EndpointAddress {
  'kind'?: (_outrigger_v1_EndpointAddress_Kind);
  'network'?: (string);
  'host'?: (string);
  'port'?: (number);
}

export interface EndpointAddress__Output {
  'kind': (_outrigger_v1_EndpointAddress_Kind__Output);
  'network': (string);
  'host': (string);
  'port': (number);
}
