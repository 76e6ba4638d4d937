import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';
import type { XOutrigger } from './x-outrigger.ts';

/** How many replicas: `x-outrigger.replicas`, otherwise `deploy.replicas` or `scale`, otherwise one. */
export function replicas(service: Fields, deploy: Fields | undefined, x: XOutrigger): ServiceSpecInput['replicas'] {
  const deployed = deploy?.number('replicas') ?? service.number('scale');
  service.take('scale');
  const wanted = x.replicas ?? deployed ?? 1;
  if (typeof wanted === 'number') {
    if (deployed !== undefined && deployed !== wanted) differs(service, `${wanted}`, deployed);
    return { min: wanted, max: wanted, initial: wanted };
  }
  const min = wanted.min ?? Math.min(1, wanted.max ?? 1);
  const max = wanted.max ?? Math.max(min, wanted.initial ?? 1);
  const fits = deployed !== undefined && deployed >= min && deployed <= max;
  const initial = wanted.initial ?? (fits ? deployed : Math.min(Math.max(min, 1), max));
  if (deployed !== undefined && deployed !== initial) differs(service, `${min} to ${max}`, deployed);
  const keyPath = [...service.at('x-outrigger'), 'replicas'];
  if (min > max || initial < min || initial > max) {
    service.findings.error(keyPath, `expected min <= initial <= max, found min ${min}, initial ${initial}, max ${max}`);
    return undefined;
  }
  return { min, max, initial, targetInFlight: wanted.target_in_flight };
}

function differs(service: Fields, wanted: string, deployed: number): void {
  const keyPath = service.has('deploy') ? [...service.at('deploy'), 'replicas'] : service.at('scale');
  service.findings.warn(keyPath, `ignored: x-outrigger.replicas says ${wanted}, this says ${deployed}`);
}
