import { attributeOf, KNOWN_ATTRIBUTES, meets, parseConstraint } from '../core/placement/constraints.ts';
import { nearestKey } from '../written-files/nearest-key.ts';

/** A label of a node, as constraints and preferences name it; Docker takes both beginnings in any case. */
export const LABELLED = /^(?:node|engine)\.labels\.[A-Za-z0-9_][A-Za-z0-9_.\-/]*$/i;

/** What else Swarm has, and what to write instead. */
const SWARM_ONLY: Readonly<Record<string, string>> = {
  'node.ip': "a Swarm node's address; write node.hostname, or a label",
};

/** What engines call an architecture that images call otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { amd64: 'x86_64', 'x86-64': 'x86_64', arm64: 'aarch64' };

/**
 * What is wrong with one of Compose's placement constraints, or undefined.
 * https://docs.docker.com/reference/compose-file/deploy/#constraints
 */
export function checkConstraint(text: string): { message: string; suggestion?: string } | undefined {
  const constraint = parseConstraint(text);
  if (!constraint || /^[=!]/.test(constraint.value)) {
    return {
      message: `expected a constraint such as "node.labels.zone == a" or "node.hostname != b", found "${text}"`,
    };
  }
  const { attribute } = constraint;
  const name = attribute.toLowerCase();
  const swarmOnly = Object.hasOwn(SWARM_ONLY, name) ? SWARM_ONLY[name] : undefined;
  if (swarmOnly !== undefined) return { message: `"${attribute}" is ${swarmOnly}` };
  const actual = attributeOf({ name: 'any', labels: {} }, attribute);
  if (actual === undefined) {
    const suggestion =
      nearestKey(
        attribute,
        KNOWN_ATTRIBUTES.filter(known => !known.endsWith('KEY')),
      ) ?? nearestLabel(attribute);
    return {
      message: `unknown attribute "${attribute}", expected one of ${KNOWN_ATTRIBUTES.join(', ')}`,
      ...(suggestion === undefined ? {} : { suggestion }),
    };
  }
  if (name === 'node.role' && !meets(actual, constraint)) {
    return { message: `"${text}" is met by no node: outside of a Swarm all are workers; write a label` };
  }
  const architecture = constraint.value.toLowerCase();
  if (name === 'node.platform.arch' && Object.hasOwn(ARCHITECTURES, architecture)) {
    const suggestion = text.replace(constraint.value, ARCHITECTURES[architecture]!);
    return { message: `"${text}" names an architecture of images; engines and Swarm call it otherwise`, suggestion };
  }
  return undefined;
}

/** `node.label.zone` and `labels.zone` mean `node.labels.zone`. */
function nearestLabel(attribute: string): string | undefined {
  const key = /^(?:node\.)?labels?\.(.+)$/i.exec(attribute)?.[1];
  return key === undefined ? undefined : `node.labels.${key}`;
}
