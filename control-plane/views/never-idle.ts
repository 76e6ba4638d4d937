import type { ProbeReport } from '../core/observed.ts';
import type { ServiceSpec } from '../core/spec.ts';
import { tellsIdleness } from '../core/waiting/displaceable.ts';
import type { WhyGroupView } from './views.ts';
import { plain } from './why-pending.ts';

/** A replica of a service that may have none gives way once it is idle, which nobody knows of one that does not count. */
export function neverIdle(spec: ServiceSpec, report: ProbeReport | undefined): WhyGroupView[] {
  if (spec.replicas.min > 0 || report === undefined || report.loadUnread || tellsIdleness(report.load)) return [];
  const what = 'its load is unknown (no load metrics that count requests), so that it is never idle';
  const message = `${what}: it gives way to nobody of higher priority, though it may have no replicas`;
  const help = ['have it report its load: docs/sidecar.md says which metrics are read'];
  return [{ ...plain('load_unknown', message), help }];
}
