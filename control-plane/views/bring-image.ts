import type { Observed } from '../core/observed.ts';
import { hasImage } from '../core/placement/cluster-node.ts';
import { placementOf, type Replica } from '../core/replica.ts';
import type { ServiceSpec } from '../core/spec.ts';
import { helpInWords, type Moment } from './help-in-words.ts';
import { causeOf } from './phase-in-words.ts';

/** What helps a replica whose node could not get the image that other nodes have. */
export function bringImage(asked: {
  readonly replica: Replica;
  readonly spec: ServiceSpec;
  readonly observed: Observed;
  readonly moment: Moment;
}): string[] {
  const { replica, spec, observed, moment } = asked;
  const { image, pullPolicy } = spec;
  if (causeOf(replica)?.kind !== 'image' || pullPolicy === 'always') return [];
  const own = placementOf(replica)?.node ?? '';
  const others = [...observed.nodes.values()].filter(n => n.name !== own && hasImage(n, image)).map(n => n.name);
  if (others.length === 0) return [];
  const connection = observed.nodes.get(own)?.connection ?? '';
  const nodes = others.sort().join(', ');
  return [
    helpInWords({ kind: 'spread_image', image, nodes, connection, isNeverPulled: pullPolicy === 'never' }, moment),
  ];
}
