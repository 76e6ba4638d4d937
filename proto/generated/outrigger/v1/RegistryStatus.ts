// Original file: proto/outrigger/v1/control.proto


export interface RegistryStatus {
  'kind'?: (string);
  'healthy'?: (boolean);
  'message'?: (string);
}

export interface RegistryStatus__Output {
  'kind': (string);
  'healthy': (boolean);
  'message': (string);
}
