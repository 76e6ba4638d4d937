// Original file: proto/outrigger/v1/discovery.proto

import type { WatchSubscription as _outrigger_v1_WatchSubscription, WatchSubscription__Output as _outrigger_v1_WatchSubscription__Output } from '../../outrigger/v1/WatchSubscription.ts';
import type { Long } from '@grpc/proto-loader';

export interface WatchRequest {
  'subscribe'?: (_outrigger_v1_WatchSubscription | null);
  'acknowledgedVersion'?: (number | string | Long);
  'closing'?: (boolean);
  'kind'?: "subscribe"|"acknowledgedVersion"|"closing";
}

export interface WatchRequest__Output {
  'subscribe'?: (_outrigger_v1_WatchSubscription__Output | null);
  'acknowledgedVersion'?: (number);
  'closing'?: (boolean);
  'kind'?: "subscribe"|"acknowledgedVersion"|"closing";
}
