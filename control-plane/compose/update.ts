import type { PublishedPort, ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';
import type { XOutrigger } from './x-outrigger.ts';

/**
 * How a changed spec is rolled out: `x-outrigger.update`, key by key over `deploy.update_config`. A replica that
 * publishes a fixed host port cannot have its successor beside it, so there the default is stop-first.
 */
export function update(
  service: Fields,
  deploy: Fields | undefined,
  options: { x: XOutrigger; ports: readonly PublishedPort[]; maxReplicas: number },
): ServiceSpecInput['update'] {
  const section = deploy?.fields('update_config');
  const parallelism = section?.number('parallelism');
  // Both are read, also where the one wins: what the other one has is no unknown key.
  const composed = {
    order: readOrder(section),
    onFailure: readFailureAction(section),
    monitorMs: section?.durationMs('monitor'),
  };
  const statedOrder = options.x.update?.order ?? composed.order;
  const onFailure = options.x.update?.on_failure ?? composed.onFailure;
  const monitorMs = options.x.update?.monitor ?? composed.monitorMs;
  for (const key of ['delay', 'max_failure_ratio']) {
    section?.ignore(key, 'Outrigger goes on once the new replica has been ready for update.monitor');
  }
  section?.end();

  const fixed = options.ports.find(port => port.hostPort > 0);
  const order = statedOrder ?? (fixed ? 'stop-first' : 'start-first');
  // Compose: 0 means all at once.
  const step = parallelism === undefined ? 1 : parallelism > 0 ? parallelism : Math.max(1, options.maxReplicas);
  const maxSurge = options.x.update?.max_surge ?? (order === 'start-first' ? step : 0);
  const maxUnavailable = options.x.update?.max_unavailable ?? (order === 'stop-first' ? step : 0);
  const keyPath = [...service.at('x-outrigger'), 'update'];
  const orderPath = options.x.update ? keyPath : [...service.at('deploy'), 'update_config'];
  if (fixed && maxSurge > 0) {
    service.findings.error(
      orderPath,
      `expected order: stop-first, because two replicas cannot both publish host port ${fixed.hostPort}; ` +
        'or leave the host port out',
    );
  }
  if (maxSurge + maxUnavailable === 0) {
    service.findings.error(keyPath, 'expected max_surge or max_unavailable above 0, otherwise no update can proceed');
    return undefined;
  }
  return { order, maxSurge, maxUnavailable, onFailure, ...(monitorMs !== undefined && { monitorMs }) };
}

function readOrder(section: Fields | undefined): 'start-first' | 'stop-first' | undefined {
  const order = section?.text('order');
  return order === 'start-first' || order === 'stop-first' ? order : undefined;
}

function readFailureAction(section: Fields | undefined): 'rollback' | 'pause' | 'continue' | undefined {
  const action = section?.text('failure_action');
  if (action === undefined || action === 'rollback' || action === 'pause' || action === 'continue') return action;
  section?.findings.error(section.at('failure_action'), `expected rollback, pause or continue, found "${action}"`);
  return undefined;
}
