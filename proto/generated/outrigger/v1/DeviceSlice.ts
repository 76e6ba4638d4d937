// Original file: proto/outrigger/v1/control.proto


export interface DeviceSlice {
  'of'?: (string);
  'profile'?: (string);
}

export interface DeviceSlice__Output {
  'of': (string);
  'profile': (string);
}
