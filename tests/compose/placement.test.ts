import test from 'ava';
import { compiles, refusedService } from './one-service.ts';

const placing = (lines: string) => `deploy: {placement: ${lines}}`;

test('constraints', compiles, placing('{constraints: ["node.labels.zone==a", " node.hostname != gpu-b "]}'), {
  placement: { constraints: ['node.labels.zone==a', 'node.hostname != gpu-b'] },
});
test('labels of the engine', compiles, placing('{constraints: ["engine.labels.com.example.tier == a b"]}'), {
  placement: { constraints: ['engine.labels.com.example.tier == a b'] },
});
test(
  'preferences, the first first',
  compiles,
  placing('{preferences: [{spread: node.labels.zone}, {spread: node.labels.rack}]}'),
  {
    placement: { spread: ['node.labels.zone', 'node.labels.rack'] },
  },
);
test('so many on one node', compiles, placing('{max_replicas_per_node: 2}'), { placement: { maxPerNode: 2 } });
test('0 on one node is no limit, as in Compose', compiles, placing('{max_replicas_per_node: 0}'), {});

const refusedConstraint = test.macro({
  title: (_, constraint: string) => `the constraint ${constraint}`,
  exec: (t, constraint: string, message: string) =>
    refusedService.exec(t, placing(`{constraints: [${JSON.stringify(constraint)}]}`), [
      `4:40: services.a.deploy.placement.constraints[0]: ${message}`,
    ]),
});
const SHAPE = 'expected a constraint such as "node.labels.zone == a" or "node.hostname != b", found';
const KNOWN =
  'expected one of node.hostname, node.id, node.role, node.platform.os, node.platform.arch, node.labels.KEY, engine.labels.KEY';
test(refusedConstraint, '', `${SHAPE} ""`);
test(refusedConstraint, 'node.labels.zone', `${SHAPE} "node.labels.zone"`);
test(refusedConstraint, 'node.labels.zone = a', `${SHAPE} "node.labels.zone = a"`);
test(refusedConstraint, 'node.labels.zone ==', `${SHAPE} "node.labels.zone =="`);
test(refusedConstraint, 'node.labels.zone === a', `${SHAPE} "node.labels.zone === a"`);
test(refusedConstraint, 'gpu == H100', `unknown attribute "gpu", ${KNOWN}`);
test(
  refusedConstraint,
  'node.hostnam == a',
  `unknown attribute "node.hostnam", ${KNOWN}; did you mean "node.hostname"?`,
);
test(
  refusedConstraint,
  'node.label.zone == a',
  `unknown attribute "node.label.zone", ${KNOWN}; did you mean "node.labels.zone"?`,
);
test(refusedConstraint, 'node.labels. == a', `unknown attribute "node.labels.", ${KNOWN}`);
test(
  refusedConstraint,
  'node.role == manager',
  '"node.role == manager" is met by no node: outside of a Swarm all are workers; write a label',
);
for (const [architecture, known] of [
  ['amd64', 'x86_64'],
  ['ARM64', 'aarch64'],
])
  test(
    refusedConstraint,
    `node.platform.arch != ${architecture}`,
    `"node.platform.arch != ${architecture}" names an architecture of images; engines and Swarm call it otherwise; did you mean "node.platform.arch != ${known}"?`,
  );
const PLATFORM = ['node.platform.os == linux', 'node.platform.arch != aarch64'];
test('constraints on the platform of a node', compiles, placing(`{constraints: ${JSON.stringify(PLATFORM)}}`), {
  placement: { constraints: PLATFORM },
});

test('a preference without a label', refusedService, placing('{preferences: [{}]}'), [
  '4:40: services.a.deploy.placement.preferences[0]: expected a label to spread over, such as spread: node.labels.zone; found nothing',
]);
test('a preference over what is no label', refusedService, placing('{preferences: [{spread: node.hostname}]}'), [
  '4:41: services.a.deploy.placement.preferences[0].spread: expected a label to spread over, such as spread: node.labels.zone; found "node.hostname"',
]);
