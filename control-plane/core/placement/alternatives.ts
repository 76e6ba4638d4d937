import type { ServiceSpec } from '../spec.ts';
import type { Cluster, PlacementRequest } from './cluster.ts';
import type { Help } from './help.ts';

/** What a request that finds no place could ask for instead, and would have at once. */
export function alternativesFor(cluster: Cluster, { service, spec }: PlacementRequest): Help[] {
  const { gpu } = spec.resources;
  if (!gpu || gpu.models.length === 0) return [];
  const anyModel: ServiceSpec = { ...spec, resources: { ...spec.resources, gpu: { ...gpu, models: [] } } };
  const placement = cluster.find({ service, spec: anyModel });
  if (!placement) return [];
  const { node, devices } = placement;
  const model = cluster.ledgerOf(node)?.devices.find(d => devices.includes(d.device.id))?.device.model;
  return model === undefined ? [] : [{ kind: 'allow_model', model, node }];
}
