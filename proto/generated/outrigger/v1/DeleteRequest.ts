// Original file: proto/outrigger/v1/control.proto


export interface DeleteRequest {
  'namespace'?: (string);
  'names'?: (string)[];
  'volumes'?: (boolean);
  'graceMs'?: (number);
  '_graceMs'?: "graceMs";
}

export interface DeleteRequest__Output {
  'namespace': (string);
  'names': (string)[];
  'volumes': (boolean);
  'graceMs'?: (number);
  '_graceMs'?: "graceMs";
}
