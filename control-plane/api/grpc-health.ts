import { status } from '@grpc/grpc-js';
import type { HealthHandlers } from '../../proto/generated/grpc/health/v1/Health.ts';
import type { HealthCheckResponse } from '../../proto/generated/grpc/health/v1/HealthCheckResponse.ts';
import { type GrpcContext, streaming } from './grpc-adapters.ts';

/** grpc.health.v1 for the control plane itself: what serves is SERVING until it closes. */
export function healthHandlers(context: GrpcContext, services: readonly string[]): HealthHandlers {
  const knows = (service: string) => service === '' || services.includes(service);
  return {
    Check: (call, callback) => {
      if (knows(call.request.service)) callback(null, { status: 'SERVING' });
      else callback({ code: status.NOT_FOUND, details: `there is no gRPC service ${call.request.service} here` });
    },
    Watch: streaming(context, async ({ service }, out) => {
      const answer: HealthCheckResponse = { status: knows(service) ? 'SERVING' : 'SERVICE_UNKNOWN' };
      await out.write(answer);
    }),
  };
}
