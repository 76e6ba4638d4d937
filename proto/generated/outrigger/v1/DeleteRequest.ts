// Original file: proto/outrigger/v1/control.proto


export interface DeleteRequest {
  'namespace'?: (string);
  'names'?: (string)[];
  'volumes'?: (boolean);
  'graceMs'?: (number);
  'askedBy'?: (string);
  '_graceMs'?: "graceMs";
  '_askedBy'?: "askedBy";
}

export interface DeleteRequest__Output {
  'namespace': (string);
  'names': (string)[];
  'volumes': (boolean);
  'graceMs'?: (number);
  'askedBy'?: (string);
  '_graceMs'?: "graceMs";
  '_askedBy'?: "askedBy";
}
