import { nearestKey } from './nearest-key.ts';

/** A label of a node, as constraints and preferences name it; Docker takes both beginnings in any case. */
export const LABELLED = /^(?:node|engine)\.labels\.[A-Za-z0-9_][A-Za-z0-9_.\-/]*$/i;

const KNOWN = ['node.hostname', 'node.labels.KEY', 'engine.labels.KEY'] as const;

/** What else Swarm has, and why a constraint over it would be met by no node. */
const SWARM_ONLY: Readonly<Record<string, string>> = {
  'node.id': 'the id of a Swarm node, and nodes here go by name: write node.hostname',
  'node.ip': "a Swarm node's address: write node.hostname, or a label",
  'node.role': 'manager or worker of a Swarm, and nodes here are neither: write a label',
  'node.platform.os': 'always linux here: remove it',
  'node.platform.arch': 'nothing that a node here tells: write a label such as node.labels.arch, or set platform',
};

/**
 * What is wrong with one of Compose's placement constraints, or undefined.
 * https://docs.docker.com/reference/compose-file/deploy/#constraints
 */
export function checkConstraint(text: string): { message: string; suggestion?: string } | undefined {
  const parts = /^([^=!\s]*)\s*(==|!=)\s*(.*)$/s.exec(text);
  if (!parts) {
    return {
      message: `expected a constraint such as "node.labels.zone == a" or "node.hostname != b", found "${text}"`,
    };
  }
  const [, attribute = '', , value = ''] = parts;
  const name = attribute.toLowerCase();
  const swarmOnly = Object.hasOwn(SWARM_ONLY, name) ? SWARM_ONLY[name] : undefined;
  if (swarmOnly !== undefined) return { message: `"${attribute}" is ${swarmOnly}` };
  if (name !== 'node.hostname' && !LABELLED.test(attribute)) {
    const suggestion = nearestKey(attribute, ['node.hostname', ...Object.keys(SWARM_ONLY)]) ?? nearestLabel(attribute);
    return {
      message: `unknown attribute "${attribute}", expected one of ${KNOWN.join(', ')}`,
      ...(suggestion === undefined ? {} : { suggestion }),
    };
  }
  if (value === '') return { message: `expected a value after ${parts[2]}, found nothing` };
  if (/^[=!]/.test(value)) return { message: `expected one operator, == or !=, found "${text}"` };
  return undefined;
}

/** `node.label.zone` and `labels.zone` mean `node.labels.zone`. */
function nearestLabel(attribute: string): string | undefined {
  const key = /^(?:node\.)?labels?\.(.+)$/i.exec(attribute)?.[1];
  return key === undefined ? undefined : `node.labels.${key}`;
}
