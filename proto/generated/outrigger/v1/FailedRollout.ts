// Original file: proto/outrigger/v1/control.proto


export interface FailedRollout {
  'generation'?: (number);
  'rolledBack'?: (boolean);
  'message'?: (string);
  'exitCode'?: (number);
  'logTail'?: (string)[];
  '_exitCode'?: "exitCode";
}

export interface FailedRollout__Output {
  'generation': (number);
  'rolledBack': (boolean);
  'message': (string);
  'exitCode'?: (number);
  'logTail': (string)[];
  '_exitCode'?: "exitCode";
}
