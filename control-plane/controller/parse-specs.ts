import { OutriggerError } from '../core/errors.ts';
import { isKnownAttribute, KNOWN_ATTRIBUTES, unknownIn } from '../core/placement/constraints.ts';
import { type ServiceSpec, type ServiceSpecInput, serviceKey, serviceSpec } from '../core/spec.ts';
import { toldIssues } from '../written-files/told-issues.ts';

/** Specs from outside, through the schema, or one `invalid_argument` that names every fault with its path. */
export function parseSpecs(inputs: readonly ServiceSpecInput[]): ServiceSpec[] {
  if (inputs.length === 0)
    throw new OutriggerError('invalid_argument', 'expected at least one service spec, found none');
  const specs: ServiceSpec[] = [];
  const faults: string[] = [];
  for (const [index, input] of inputs.entries()) {
    const parsed = serviceSpec.safeParse(input);
    const name = typeof input?.name === 'string' ? input.name : String(index);
    if (parsed.success) {
      specs.push(parsed.data);
      faults.push(...placementFaults(parsed.data).map(fault => `specs[${name}].placement.${fault}`));
      continue;
    }
    for (const { path, problem } of toldIssues(serviceSpec, parsed.error, { atMost: MOST_FAULTS_SHOWN })) {
      faults.push(`specs[${name}]${path === '' ? '' : `.${path}`}: ${problem}`);
    }
  }
  const keys = specs.map(serviceKey);
  const twice = keys.find((key, i) => keys.indexOf(key) !== i);
  if (twice !== undefined) faults.push(`${twice} is there twice`);
  if (faults.length > 0) {
    throw new OutriggerError('invalid_argument', faults.join('\n'), {
      next: 'docs/service-spec.schema.json describes every field',
      details: { faults },
    });
  }
  return specs;
}

/**
 * What no node could ever be judged by, so that the service would wait for good. It is no part of the schema: a spec that was
 * stored is read back whatever it says.
 */
function placementFaults({ placement: { constraints, spread } }: ServiceSpec): string[] {
  return [
    ...constraints.flatMap((text, i) => {
      const why = unknownIn(text);
      return why === null ? [] : [`constraints.${i}: ${why}`];
    }),
    ...spread.flatMap((attribute, i) =>
      isKnownAttribute(attribute)
        ? []
        : [
            `spread.${i}: nothing is known of nodes under "${attribute}": expected one of ${KNOWN_ATTRIBUTES.join(', ')}`,
          ],
    ),
  ];
}

const MOST_FAULTS_SHOWN = 20;
