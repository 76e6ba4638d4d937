import test from 'ava';
import { parseSpecs } from '../../control-plane/controller/parse-specs.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';

const asking = (placement: NonNullable<ServiceSpecInput['placement']>): ServiceSpecInput => ({
  namespace: 'ns',
  name: 'svc',
  image: 'app:1',
  placement,
});

for (const [title, placement, says] of [
  [
    'an attribute that is known of no node',
    { constraints: ['node.labels.zone == a', 'node.ip == 10.0.0.1'] },
    /^specs\[svc\]\.placement\.constraints\.1: cannot judge the constraint "node\.ip == 10\.0\.0\.1": known are node\.hostname, /,
  ],
  ['a comparison that there is not', { constraints: ['node.labels.cores > 8'] }, /constraints\.0: cannot judge/],
  ['a spread over what is known of no node', { spread: ['node.ip'] }, /placement\.spread\.0: nothing is known/],
] as [string, NonNullable<ServiceSpecInput['placement']>, RegExp][]) {
  test(`a spec that no node could be judged by is refused, and does not wait for good: ${title}`, t => {
    const error = t.throws(() => parseSpecs([asking(placement)]), { instanceOf: OutriggerError });
    t.is(error?.code, 'invalid_argument');
    t.regex(error?.message ?? '', says);
  });
}

test('constraints and preferences over what is known of nodes are taken', t => {
  const constraints = [
    'node.labels.zone == a',
    'engine.labels.disk != hdd',
    'node.hostname == gpu-a',
    'node.role == worker',
    'node.platform.arch == x86_64',
  ];
  const [spec] = parseSpecs([asking({ constraints, spread: ['node.labels.zone'] })]);
  t.deepEqual(spec?.placement.constraints, constraints);
});

test('of each key that a spec has not, the one that was probably meant is named', t => {
  const spec = { ...asking({}), stopGrace: 1, update: { maxSurg: 1 }, nothingLikeIt: true };
  const { message } = t.throws(() => parseSpecs([spec as unknown as ServiceSpecInput]));
  t.regex(message, /specs\[svc\]\.update: unknown key "maxSurg"; did you mean "maxSurge"\?/);
  t.regex(message, /specs\[svc\]: unknown key "stopGrace"; did you mean "stopGraceMs"\?/);
  t.regex(message, /specs\[svc\]: unknown key "nothingLikeIt"$/m);
});
