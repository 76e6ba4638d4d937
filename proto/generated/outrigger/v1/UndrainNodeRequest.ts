// Original file: proto/outrigger/v1/control.proto


export interface UndrainNodeRequest {
  'name'?: (string);
  'device'?: (string);
}

export interface UndrainNodeRequest__Output {
  'name': (string);
  'device': (string);
}
