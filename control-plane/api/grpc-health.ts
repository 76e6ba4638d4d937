import type { HealthHandlers } from '../../proto/generated/grpc/health/v1/Health.ts';
import type { HealthCheckResponse } from '../../proto/generated/grpc/health/v1/HealthCheckResponse.ts';
import { OutriggerError } from '../core/errors.ts';
import { type GrpcContext, streaming, unary } from './grpc-adapters.ts';

/** grpc.health.v1 for the control plane itself: what serves is SERVING until it closes. */
export function healthHandlers(context: GrpcContext, services: readonly string[]): HealthHandlers {
  const knows = (service: string) => service === '' || services.includes(service);
  return {
    Check: unary(context, ({ service }) => {
      if (knows(service)) return { status: 'SERVING' as const };
      throw new OutriggerError('not_found', `there is no gRPC service ${JSON.stringify(service)} here`);
    }),
    Watch: streaming(context, async ({ service }, out) => {
      const answer: HealthCheckResponse = { status: knows(service) ? 'SERVING' : 'SERVICE_UNKNOWN' };
      await out.write(answer);
    }),
  };
}
