import test from 'ava';
import { load, projectFolder, shown } from './project-folder.ts';

const NO_EFFECT = 'is accepted, but has no effect yet';

const says = test.macro({
  title: (_, x: string) => `x-outrigger: ${x}`,
  exec: async (t, x: string, expected: readonly string[]) => {
    const folder = await projectFolder(t, { 'compose.yaml': `services:\n  a:\n    image: i\n    x-outrigger: ${x}` });
    const result = await load(folder);
    t.is(result.kind, 'compiled', 'a file that is ahead of this version is no mistake');
    t.deepEqual(
      shown(result.warnings, folder).map(line =>
        line.replace(/^compose\.yaml:\d+:\d+: services\.a\.x-outrigger\./, ''),
      ),
      expected,
    );
  },
});

test(says, '{scope: job}', [
  `scope: ${NO_EFFECT}: there is one for the whole namespace, as with scope: shared, and it runs until it is taken down`,
]);
test(says, '{idle_timeout: 5m, replicas: 2}', [
  `idle_timeout: ${NO_EFFECT}: replicas run on, however long nobody calls them`,
]);
test(says, '{protocol: http, port: 80, idle_timeout: 5m, replicas: {min: 0, max: 1}}', [
  'idle_timeout: does not scale to zero by itself yet: replicas run on, and after so long make room for services of higher priority, where their server counts its requests (docs/sidecar.md)',
  'replicas: nothing scales between the two by itself yet: 1 of 0 to 1 replicas run until `outrigger scale` says otherwise',
]);
const NEVER =
  'its replicas never make room for services of higher priority: nobody knows when they are idle, as load is read with `protocol: grpc` or `http` only';
const BETWEEN =
  'replicas: nothing scales between the two by itself yet: 1 of 0 to 1 replicas run until `outrigger scale` says otherwise';
test(says, '{port: 80, idle_timeout: 5m, replicas: {min: 0, max: 1}}', [`idle_timeout: ${NEVER}`, BETWEEN]);
test(says, '{replicas: {min: 0, max: 1}}', [`replicas: ${NEVER}`, BETWEEN]);
test(says, '{replicas: 0}', []);
test(says, '{protocol: grpc, port: 50051, replicas: {min: 0, max: 1}}', [BETWEEN]);
test(says, '{replicas: {min: 1, max: 4}}', [
  'replicas: nothing scales between the two by itself yet: 1 of 1 to 4 replicas run until `outrigger scale` says otherwise',
]);
test(says, '{protocol: grpc, port: 1, replicas: {min: 0, max: 4, initial: 2, target_in_flight: 8}}', [
  `replicas.target_in_flight: ${NO_EFFECT}: nothing scales by load; 2 of 0 to 4 replicas run until \`outrigger scale\` says otherwise`,
]);
test(says, '{replicas: {min: 2, max: 2, target_in_flight: 8}}', [
  `replicas.target_in_flight: ${NO_EFFECT}: nothing scales by load`,
]);
test(says, '{gpu: {memory: 10GiB}, priority: 5, scope: shared, replicas: 2}', []);
