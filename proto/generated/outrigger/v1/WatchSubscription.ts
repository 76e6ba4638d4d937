// Original file: proto/outrigger/v1/discovery.proto


export interface WatchSubscription {
  'namespace'?: (string);
  'service'?: (string);
  'clientId'?: (string);
  'replicasInUse'?: (string)[];
}

export interface WatchSubscription__Output {
  'namespace': (string);
  'service': (string);
  'clientId': (string);
  'replicasInUse': (string)[];
}
