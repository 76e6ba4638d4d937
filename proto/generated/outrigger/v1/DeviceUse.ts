// Original file: proto/outrigger/v1/control.proto


export interface DeviceUse {
  'verdict'?: (string);
  'message'?: (string);
}

export interface DeviceUse__Output {
  'verdict': (string);
  'message': (string);
}
