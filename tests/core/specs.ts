import { type AdmittedSpec, applySpecs } from '../../control-plane/controller/commands.ts';
import { type ServiceSpec, type ServiceSpecInput, serviceSpec } from '../../control-plane/core/spec.ts';
import type { ModelWorld } from './model-world.ts';

/**
 * A complete spec from the few fields that a test cares about. A newcomer counts as soon as it is ready: in most tests no
 * time passes.
 */
export function aSpec(input: Partial<ServiceSpecInput> = {}): ServiceSpec {
  const update = { monitorMs: 0, ...input.update };
  const some = { namespace: 'ns', name: 'svc', image: 'image:1', port: 50051, protocol: 'grpc' as const };
  return serviceSpec.parse({ ...some, ...input, update });
}

/** A fixed number of replicas. */
export function exactly(count: number): NonNullable<ServiceSpecInput['replicas']> {
  return { min: count, max: count, initial: count };
}

/** Applies specs to the model as the API would. */
export function apply(world: ModelWorld, ...specs: ServiceSpec[]): void {
  const admitted = specs.map((spec): AdmittedSpec => ({ spec, imageId: null, warnings: [] }));
  world.commit(applySpecs(world.state, admitted, { origin: 'test' }, world.now).changes);
}
