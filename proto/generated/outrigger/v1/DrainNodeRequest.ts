// Original file: proto/outrigger/v1/control.proto


export interface DrainNodeRequest {
  'name'?: (string);
}

export interface DrainNodeRequest__Output {
  'name': (string);
}
