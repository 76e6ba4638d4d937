// Original file: proto/outrigger/v1/discovery.proto

import type { ResolveRequest as _outrigger_v1_ResolveRequest, ResolveRequest__Output as _outrigger_v1_ResolveRequest__Output } from '../../outrigger/v1/ResolveRequest.ts';
import type { Long } from '@grpc/proto-loader';

export interface WatchRequest {
  'subscribe'?: (_outrigger_v1_ResolveRequest | null);
  'acknowledgedVersion'?: (number | string | Long);
  'kind'?: "subscribe"|"acknowledgedVersion";
}

export interface WatchRequest__Output {
  'subscribe'?: (_outrigger_v1_ResolveRequest__Output | null);
  'acknowledgedVersion'?: (number);
  'kind'?: "subscribe"|"acknowledgedVersion";
}
