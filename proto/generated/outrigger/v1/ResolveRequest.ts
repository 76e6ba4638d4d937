// Original file: proto/outrigger/v1/discovery.proto


export interface ResolveRequest {
  'namespace'?: (string);
  'service'?: (string);
}

export interface ResolveRequest__Output {
  'namespace': (string);
  'service': (string);
}
