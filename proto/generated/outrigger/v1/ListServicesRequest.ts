// Original file: proto/outrigger/v1/control.proto


export interface ListServicesRequest {
  'namespace'?: (string);
}

export interface ListServicesRequest__Output {
  'namespace': (string);
}
