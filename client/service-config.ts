import { PATIENT_ROUND_ROBIN } from './patient-round-robin.ts';

/** The second is for a copy of grpc-js that the resolver was not registered with. */
const loadBalancingConfig = [{ [PATIENT_ROUND_ROBIN]: {} }, { round_robin: {} }];

/**
 * How a stock grpc-js channel behaves on an Outrigger service: every ready replica in turn, and another attempt, on
 * another replica, where the call was not served. While there is no replica that can be reached, calls wait, each up to its
 * deadline: grpc-js (1.14) reads `waitForReady` here without acting upon it, and the balancing policy does so in its place.
 *
 * UNAVAILABLE is what a call gets whose replica died, RESOURCE_EXHAUSTED what a full queue answers before it has begun
 * (its pushback sets the pause). After UNAVAILABLE the first attempt may have been executed in part: for handlers that
 * must not run twice give the channel a config of its own with an empty `methodConfig`. There is no throttling: a replica
 * that dies with hundreds of calls on it must not lose those beyond a budget; five attempts are the bound.
 */
export const SERVICE_CONFIG = {
  loadBalancingConfig,
  methodConfig: [
    {
      name: [{}],
      waitForReady: true,
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: '0.1s',
        maxBackoff: '1s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE', 'RESOURCE_EXHAUSTED'],
      },
    },
  ],
};

/** While it is known that there is nobody to call: the reason is told at once and not five times later. */
export const FAILING_SERVICE_CONFIG = { loadBalancingConfig, methodConfig: [] };

const MIB = 1024 * 1024;

/**
 * Options for a grpc-js client that suit direct calls: no limit of the client's on messages, large messages retried too,
 * quick reconnects, and no HTTP proxy in between, which grpc-js would otherwise take from the environment before the
 * service's name is even resolved. Spread them and change what you like.
 */
export const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.per_rpc_retry_buffer_size': 80 * MIB,
  'grpc.retry_buffer_size': 512 * MIB,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.enable_http_proxy': 0,
};
