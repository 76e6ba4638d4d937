import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';
import type { XOutrigger } from './x-outrigger.ts';

/**
 * Keys that are part of the grammar and of the spec, and that nothing acts on in this version. A file may have them
 * already; it says with a warning what happens instead. Each goes away with what makes its key work.
 */
export function warnNotYet(service: Fields, x: XOutrigger, replicas: ServiceSpecInput['replicas']): void {
  const warn = (key: readonly string[], instead: string) =>
    service.findings.warn([...service.at('x-outrigger'), ...key], `is accepted, but has no effect yet: ${instead}`);
  if (x.scope === 'job') {
    warn(['scope'], 'there is one for the whole namespace, as with scope: shared, and it runs until it is taken down');
  }
  const { min = 1, max = 1, initial = 1, targetInFlight } = replicas ?? {};
  if (x.idle_timeout !== undefined && min > 0) {
    warn(['idle_timeout'], 'replicas run on, however long nobody calls them');
  } else if (min === 0 && max > 0 && (x.protocol ?? 'tcp') === 'tcp') {
    // The sidecar has nothing to read it by.
    service.findings.warn(
      [...service.at('x-outrigger'), x.idle_timeout === undefined ? 'replicas' : 'idle_timeout'],
      'its replicas never make room for services of higher priority: nobody knows when they are idle, as load is read with ' +
        '`protocol: grpc` or `http` only',
    );
  } else if (x.idle_timeout !== undefined) {
    service.findings.warn(
      [...service.at('x-outrigger'), 'idle_timeout'],
      'does not scale to zero by itself yet: replicas run on, and after so long make room for services of higher priority, ' +
        'where their server counts its requests (docs/sidecar.md)',
    );
  }
  const untilScaled = `${initial} of ${min} to ${max} replicas run until \`outrigger scale\` says otherwise`;
  if (targetInFlight !== undefined) {
    warn(
      ['replicas', 'target_in_flight'],
      min < max ? `nothing scales by load; ${untilScaled}` : 'nothing scales by load',
    );
  } else if (min < max) {
    service.findings.warn(
      [...service.at('x-outrigger'), 'replicas'],
      `nothing scales between the two by itself yet: ${untilScaled}`,
    );
  }
}
