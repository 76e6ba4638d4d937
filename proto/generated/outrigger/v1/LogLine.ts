// Original file: proto/outrigger/v1/control.proto


export interface LogLine {
  'service'?: (string);
  'replicaId'?: (string);
  'stream'?: (string);
  'timestamp'?: (string);
  'text'?: (string);
}

export interface LogLine__Output {
  'service': (string);
  'replicaId': (string);
  'stream': (string);
  'timestamp': (string);
  'text': (string);
}
