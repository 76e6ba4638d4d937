import { failed, PASSED, type ProbeResult } from './result.ts';

/** Reads the state of the container's own healthcheck, which the engine runs. */
export function containerProbe(health: 'starting' | 'healthy' | 'unhealthy' | undefined): ProbeResult {
  switch (health) {
    case 'healthy':
      return PASSED;
    case 'unhealthy':
      return failed("the container's own healthcheck says unhealthy");
    case 'starting':
      return failed("the container's own healthcheck has not passed yet");
    case undefined:
      return {
        kind: 'unknown',
        message: 'the engine reports no healthcheck for this container; declare one, or probe by grpc, http or tcp',
      };
    default:
      return health satisfies never;
  }
}
