import test from 'ava';
import fc from 'fast-check';
import { failureLines } from '../../../cli/render/failure.ts';
import { PhaseLines } from '../../../cli/render/phase-lines.ts';
import { progressLines } from '../../../cli/render/progress.ts';
import { textWidth } from '../../../cli/render/text.ts';
import { replicaView, serviceView } from '../views.ts';

const plain = { style: (_: unknown, text: string) => text };

test('each phase of a replica is told once, also one that came and went unseen', t => {
  const phases = new PhaseLines();
  const pending = replicaView({
    phase: 'pending',
    sinceMs: 0,
    timings: [{ phase: 'pending', enteredAtMs: 0 }],
    addresses: [],
  });
  t.deepEqual(phases.next([serviceView({ replicas: [pending] })], 0), ['echo r1  pending']);
  t.deepEqual(phases.next([serviceView({ replicas: [pending] })], 500), []);
  const ready = replicaView({
    sinceMs: 2_300,
    timings: [
      { phase: 'pending', enteredAtMs: 0 },
      { phase: 'creating', enteredAtMs: 100 },
      { phase: 'starting', enteredAtMs: 400 },
      { phase: 'ready', enteredAtMs: 2_300 },
    ],
  });
  t.deepEqual(phases.next([serviceView({ replicas: [ready] })], 2_400), [
    'echo r1  creating (after 0.1s)',
    'echo r1  starting (after 0.4s)',
    'echo r1  ready: 172.18.0.2:50051 (after 2.3s)',
  ]);
  t.deepEqual(phases.next([serviceView({ replicas: [ready] })], 9_000), []);
});

test('what a replica waits for is told when it changes, a pull by quarters', t => {
  const phases = new PhaseLines();
  const next = (part: object, nowMs = 0) =>
    phases.next([serviceView({ replicas: [replicaView({ addresses: [], ...part })] })], nowMs);
  t.deepEqual(next({ phase: 'pending', message: 'no GPU is free' }), ['echo r1  pending: no GPU is free']);
  t.deepEqual(next({ phase: 'pending', message: 'no GPU is free' }), []);
  t.deepEqual(next({ phase: 'pending', message: 'no CPU is free' }), ['echo r1  pending: no CPU is free']);
  const pull = (pulledBytes: number) => next({ phase: 'pulling', sinceMs: 2_000, pulledBytes, pullTotalBytes: 1_024 });
  t.deepEqual(pull(10), ['echo r1  pulling: 0 % of 1 KiB']);
  t.deepEqual(pull(200), []);
  t.deepEqual(pull(600), ['echo r1  pulling: 50 % of 1 KiB']);
  const backoff = { phase: 'backoff', sinceMs: 3_000, retryAtMs: 13_000, message: 'exited with code 3' };
  t.deepEqual(next(backoff, 3_000), ['echo r1  backoff: exited with code 3; starts again in 10s']);
  t.deepEqual(next(backoff, 4_000), [], 'the time that is left is no news');
});

test('the live display shows pulled bytes, and how long each phase took once ready', t => {
  const pulling = replicaView({
    phase: 'pulling',
    sinceMs: 0,
    pulledBytes: 12 * 1_024 ** 2,
    pullTotalBytes: 48 * 1_024 ** 2,
  });
  const [line] = progressLines([serviceView({ replicas: [pulling] })], { nowMs: 4_000, width: 100, ...plain });
  t.regex(line!, /echo r1 {2}pulling {4}4\.0s {2}12 MiB of 48 MiB \(25 %\)/);
  const ready = replicaView({
    sinceMs: 3_000,
    timings: [
      { phase: 'pulling', enteredAtMs: 0 },
      { phase: 'starting', enteredAtMs: 2_000 },
      { phase: 'ready', enteredAtMs: 3_000 },
    ],
  });
  const [done] = progressLines([serviceView({ replicas: [ready] })], { nowMs: 9_000, width: 100, ...plain });
  t.regex(done!, /^✔ echo r1 {2}ready {4}3\.0s {2}172\.18\.0\.2:50051 {2}\(pulling 2\.0s, starting 1\.0s\)$/);
});

test('no line of the live display is wider than the terminal', t => {
  const replica = fc.record({
    id: fc.string({ minLength: 1, maxLength: 40 }),
    message: fc.string({ unit: 'grapheme', maxLength: 80 }),
    phase: fc.constantFrom(
      'pending' as const,
      'pulling' as const,
      'ready' as const,
      'backoff' as const,
      'failed' as const,
    ),
  });
  fc.assert(
    fc.property(
      fc.array(replica, { maxLength: 5 }),
      fc.string({ maxLength: 63 }),
      fc.integer({ min: 40, max: 150 }),
      (parts, name, width) => {
        const services = [serviceView({ name, replicas: parts.map(part => replicaView({ ...part, addresses: [] })) })];
        return progressLines(services, { nowMs: 5_000, width, ...plain }).every(line => textWidth(line) <= width);
      },
    ),
  );
  t.pass();
});

test('a failure tells cause, exit code, last lines and the next step', t => {
  const culprit = replicaView({
    phase: 'failed',
    exitCode: 137,
    message: 'killed',
    logTail: ['loading', 'out of memory'],
  });
  const lines = failureLines(
    {
      kind: 'failed',
      service: 'echo',
      reason: 'replica_failed',
      provisional: false,
      message: 'it ran out of memory',
      culprit,
    },
    'demo',
  );
  t.deepEqual(lines, [
    'service "echo" failed: it ran out of memory',
    '  exit code: 137 (killed: out of memory, or from outside)',
    '  last lines of replica r1:',
    '  | loading',
    '  | out of memory',
    '  next: mend the cause above and run "outrigger up" again',
  ]);
});

test('what waits for a place for a while is told where to ask why, once for all', t => {
  const service = (name: string, sinceMs: number) =>
    serviceView({ name, replicas: [1, 2].map(i => replicaView({ id: `${name}${i}`, phase: 'pending', sinceMs })) });
  const last = (services: Parameters<typeof progressLines>[0], width = 80) =>
    progressLines(services, { ...plain, nowMs: 10_000, width }).at(-1)!;
  t.is(last([service('llm', 1_000)]), '  see "outrigger why demo/llm"');
  t.is(last([service('llm', 1_000), service('emb', 2_000)]), '  see "outrigger why SERVICE" for demo/llm, demo/emb');
  t.notRegex(last([service('llm', 9_500)]), /outrigger why/);
  t.true(last([service('llm', 1_000), service('emb', 2_000)], 30).length <= 30);
});

test('a replica that comes to be says on which node, unless this machine is the only one', t => {
  const line = (part: object) =>
    new PhaseLines().next([serviceView({ replicas: [replicaView({ addresses: [], ...part })] })], 0);
  t.deepEqual(line({ phase: 'creating', node: 'gpu-a' }), ['echo r1  creating on gpu-a']);
  t.deepEqual(line({ phase: 'pulling', node: 'gpu-a', message: 'echo:1' }), [
    'echo r1  looking for image on gpu-a: echo:1',
  ]);
  t.deepEqual(line({ phase: 'creating', node: 'local' }), ['echo r1  creating']);
  const creating = replicaView({ phase: 'creating', node: 'gpu-a', message: 'waits for its turn', sinceMs: 0 });
  const [live] = progressLines([serviceView({ replicas: [creating] })], { ...plain, nowMs: 1_000, width: 100 });
  t.regex(live!, /creating {4}1\.0s {2}on gpu-a, waits for its turn$/);
});

test('the last state of the display sends nobody to a service that may be gone', t => {
  const services = [serviceView({ replicas: [replicaView({ phase: 'pending', sinceMs: 0 })] })];
  const lines = (isOver: boolean) => progressLines(services, { ...plain, nowMs: 10_000, width: 80, isOver }).join(' ');
  t.regex(lines(false), /outrigger why/);
  t.notRegex(lines(true), /outrigger why/);
});

test('a service that has no replica any more says once what keeps it, and a replica what its end waits for', t => {
  const phases = new PhaseLines();
  const ending = replicaView({ phase: 'stopping', sinceMs: 5, addresses: [], message: 'it ends once node b answers' });
  const [line] = phases.next([serviceView({ deleting: true, replicas: [ending] })], 6);
  t.regex(line!, /stopping: it ends once node b answers/);
  const empty = serviceView({ deleting: true, replicas: [], message: 'networks are left on b' });
  t.deepEqual(phases.next([empty], 0), ['echo  deleting: networks are left on b']);
  t.deepEqual(phases.next([empty], 1), []);
  t.deepEqual(phases.next([serviceView({ replicas: [], message: 'no room' })], 2), []);
});

test('times are told from the beginning of the command where the replica is older', t => {
  const phases = new PhaseLines(140_000);
  const timings = [
    { phase: 'ready' as const, enteredAtMs: 1_000 },
    { phase: 'draining' as const, enteredAtMs: 140_300 },
  ];
  const ready = replicaView({ sinceMs: 1_000, timings: timings.slice(0, 1) });
  phases.skip([serviceView({ replicas: [ready] })]);
  const draining = replicaView({ phase: 'draining', sinceMs: 140_300, timings, message: 'deleted' });
  t.deepEqual(phases.next([serviceView({ replicas: [draining] })], 140_400), [
    'echo r1  draining: deleted (after 0.3s)',
  ]);
});

test('what waited before the command is told all the same, once; what serves is not', t => {
  const phases = new PhaseLines(9_000);
  const timings = [{ phase: 'pending' as const, enteredAtMs: 1_000 }];
  const waiting = replicaView({ id: 'r2', phase: 'pending', sinceMs: 1_000, timings, message: 'no GPU is free' });
  const services = [serviceView({ replicas: [replicaView(), waiting] })];
  phases.skip(services);
  t.deepEqual(phases.next(services, 9_100), ['echo r2  pending: no GPU is free']);
  t.deepEqual(phases.next(services, 9_200), []);
});

test('what is waited for is wrapped where a line has no room for it, and told once for all that wait so', t => {
  const message = 'local: needs 1 GPU of model H100 with 40 GiB, and no GPU is known on this node';
  const waiting = (id: string) => replicaView({ id, phase: 'pending', sinceMs: 4_900, message });
  const services = [serviceView({ replicas: [waiting('r1'), waiting('r2')] })];
  const lines = progressLines(services, { ...plain, nowMs: 5_000, width: 60 });
  t.true(lines.every(line => textWidth(line) <= 60));
  t.true(
    lines
      .map(line => line.trim())
      .join(' ')
      .includes(message),
    lines.join('\n'),
  );
  t.is(lines.filter(line => line.includes('needs 1 GPU')).length, 1);
  t.is(lines.at(-1), '  see "outrigger why demo/echo"', 'at once, since it is known what is lacking');
});

for (const pullPolicy of ['never', 'missing']) {
  test(`an image of policy ${pullPolicy} is looked for before it is pulled`, t => {
    const pulling = replicaView({ phase: 'pulling', sinceMs: 0, message: 'echo:1' });
    const service = serviceView({ spec: { pullPolicy }, replicas: [pulling] });
    t.deepEqual(new PhaseLines().next([service], 0), ['echo r1  looking for image: echo:1']);
    t.regex(progressLines([service], { ...plain, nowMs: 0, width: 100 })[0]!, /echo r1 {2}looking for image /);
  });
}

test('an image whose bytes come is pulled, and so is one that always is', t => {
  const phase = { phase: 'pulling' as const, sinceMs: 0 };
  const [coming] = new PhaseLines().next(
    [serviceView({ spec: {}, replicas: [replicaView({ ...phase, pulledBytes: 1, pullTotalBytes: 4 })] })],
    0,
  );
  t.regex(coming!, /^echo r1 {2}pulling: 25 %/);
  const [always] = new PhaseLines().next(
    [serviceView({ spec: { pullPolicy: 'always' }, replicas: [replicaView(phase)] })],
    0,
  );
  t.regex(always!, /^echo r1 {2}pulling/);
});

test('the reason of a failure stands in full in the error alone, not beside each replica too', t => {
  const message = 'the engine refused to start it: '.repeat(10);
  const failed = ['r1', 'r2', 'r3'].map(id => replicaView({ id, phase: 'failed', sinceMs: 0, message }));
  const lines = new PhaseLines().next([serviceView({ replicas: failed })], 0);
  t.is(lines.length, 3);
  for (const line of lines) t.true(line.length < 90, line);
  t.regex(lines[0]!, /failed: the engine refused to start it/);
});
