export type { ApiLog } from './api-log.ts';
export { newToken, parseTokens, type TokenList } from './auth.ts';
export type { ApiLimits } from './limits.ts';
export { formatListenAddress, type ListenAddress, type ListenTls, parseListenAddress } from './listen-address.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { type Api, type ApiOptions, startApi } from './start-api.ts';
