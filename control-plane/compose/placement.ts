import type { ServiceSpecInput } from '../core/spec.ts';
import { nearestKey } from '../written-files/nearest-key.ts';
import type { KeyPath } from '../written-files/problem.ts';
import type { Fields } from './fields.ts';
import { checkConstraint, LABELLED } from './placement-constraint.ts';

/** `deploy.placement`: which nodes, evenly over what, and how many replicas on one. */
export function placement(section: Fields | undefined): ServiceSpecInput['placement'] {
  if (!section) return undefined;
  const constraints = (section.texts('constraints') ?? []).map(text => text.trim());
  for (const [index, constraint] of constraints.entries()) {
    const keyPath = [...section.at('constraints'), index];
    const fault = checkConstraint(constraint);
    if (fault) section.findings.error(keyPath, fault.message, fault.suggestion);
  }
  const spread = section.list('preferences').map(readPreference);
  const maxPerNode = section.number('max_replicas_per_node');
  section.end();
  return { constraints, spread, ...(maxPerNode === undefined || maxPerNode === 0 ? {} : { maxPerNode }) };
}

function readPreference(preference: Fields): string {
  const spread = preference.text('spread')?.trim() ?? '';
  preference.end();
  if (!LABELLED.test(spread)) {
    const keyPath: KeyPath = spread === '' ? preference.path : preference.at('spread');
    const found = spread === '' ? 'nothing' : `"${spread}"`;
    preference.findings.error(
      keyPath,
      `expected a label to spread over, such as spread: node.labels.zone; found ${found}`,
      nearestKey(spread.split('.').slice(0, 2).join('.'), ['node.labels', 'engine.labels']),
    );
  }
  return spread;
}
