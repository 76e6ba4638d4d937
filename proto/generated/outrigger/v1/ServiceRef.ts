// Original file: proto/outrigger/v1/control.proto


export interface ServiceRef {
  'namespace'?: (string);
  'name'?: (string);
}

export interface ServiceRef__Output {
  'namespace': (string);
  'name': (string);
}
