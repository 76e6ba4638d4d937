import type { ObservedNode } from '../observed.ts';

/** A placement constraint as Compose and Swarm write it: an attribute of the node, `==` or `!=`, a value. */
export interface PlacementConstraint {
  readonly attribute: string;
  readonly equal: boolean;
  readonly value: string;
}

/** What a constraint or a spread preference may name. The others that Swarm has are not known of an engine. */
export const KNOWN_ATTRIBUTES = [
  'node.hostname',
  'node.id',
  'node.role',
  'node.platform.os',
  'node.platform.arch',
  'node.labels.KEY',
  'engine.labels.KEY',
] as const;

/** Why nobody can judge the constraint; null: it can be judged. */
export function unknownIn(text: string): string | null {
  const constraint = parseConstraint(text);
  if (constraint && isKnownAttribute(constraint.attribute)) return null;
  const known = KNOWN_ATTRIBUTES.join(', ');
  return `cannot judge the constraint "${text}": known are ${known}, each with == or != and a value`;
}

export function isKnownAttribute(attribute: string): boolean {
  return attributeOf({ name: '', labels: {} }, attribute) !== undefined;
}

/** null where the text is no constraint at all. Its grammar is Swarm's (`swarmkit/manager/constraint`). */
export function parseConstraint(text: string): PlacementConstraint | null {
  const match = /^\s*([^\s=!]+)\s*(==|!=)\s*(.*?)\s*$/.exec(text);
  if (!match || match[3] === '') return null;
  return { attribute: match[1]!, equal: match[2] === '==', value: match[3]! };
}

/**
 * What the node has under a name such as `node.labels.zone`: its label, or its name for `node.hostname` and `node.id`.
 * What is not there or not known is empty, as in Swarm; an attribute that nodes here do not have is undefined.
 */
export function attributeOf(
  node: Pick<ObservedNode, 'name' | 'labels' | 'platform'>,
  attribute: string,
): string | undefined {
  const label = /^(?:node|engine)\.labels\.(.+)$/i.exec(attribute)?.[1];
  // What anybody may name: without it, every object has a "constructor".
  if (label !== undefined) return Object.hasOwn(node.labels, label) ? node.labels[label]! : '';
  switch (attribute.toLowerCase()) {
    case 'node.hostname':
    case 'node.id':
      return node.name;
    case 'node.role':
      return 'worker';
    case 'node.platform.os':
      return node.platform?.os ?? '';
    case 'node.platform.arch':
      return node.platform?.architecture ?? '';
    default:
      return undefined;
  }
}

/** Values are compared without regard to case, as Swarm does. */
export function meets(actual: string, { equal, value }: PlacementConstraint): boolean {
  return (actual.toLowerCase() === value.toLowerCase()) === equal;
}
