import test from 'ava';
import { whyLines } from '../../../cli/render/why.ts';
import type { WhyGroupView, WhyReplicaView, WhyView } from '../../../control-plane/views/views.ts';

const NOW = 1_000_000;

function group(given: Partial<WhyGroupView> = {}): WhyGroupView {
  return { constraint: 'cpus', nodes: ['a'], message: 'needs 8 CPUs, 2 of 4 are free', heldBy: [], help: [], ...given };
}

function waiting(id: string, given: Partial<WhyReplicaView> = {}): WhyReplicaView {
  return {
    id,
    generation: 1,
    phase: 'pending',
    impaired: false,
    sinceMs: NOW - 65_000,
    waiting: true,
    devices: [],
    summary: [],
    groups: [group()],
    rejections: [],
    ...given,
  };
}

function lines(replicas: readonly WhyReplicaView[], given: Partial<WhyView> = {}, width = 80): string[] {
  const counts = { total: replicas.length, waiting: replicas.filter(r => r.waiting).length };
  const why: WhyView = {
    namespace: 'shop',
    name: 'llm',
    state: 'starting',
    message: '',
    ...counts,
    replicas,
    ...given,
  };
  return whyLines(why, { nowMs: NOW, width, style: (_style, text) => text });
}

test('what waits comes first, with its reasons and what would help', t => {
  const ready = waiting('r1', { phase: 'ready', waiting: false, node: 'a', devices: ['gpu0'], groups: [] });
  t.deepEqual(lines([ready, waiting('r2', { groups: [group({ help: ['ask for fewer CPUs'] })] })]), [
    'shop/llm: starting; 1 of 2 replicas waits',
    '',
    'r2: pending for 1m',
    '  - a: needs 8 CPUs, 2 of 4 are free',
    '    → ask for fewer CPUs',
    '',
    'r1: ready for 1m on a, gpu0',
  ]);
});

test('replicas with the same reasons share them, others have their own', t => {
  const other = waiting('r3', { groups: [group({ nodes: ['b'] })] });
  const text = lines([waiting('r1'), other, waiting('r2')]);
  t.deepEqual(
    text.filter(line => line.includes('pending')),
    ['r1, r2: pending for 1m', 'r3: pending for 1m'],
  );
});

test('replicas that are not listed are counted all the same', t => {
  t.is(lines([waiting('r1')], { total: 900, waiting: 700 })[0], 'shop/llm: starting; 700 of 900 replicas wait');
});

test('many nodes with one reason are counted, not listed', t => {
  const nodes = Array.from({ length: 30 }, (_, i) => `n${i}`);
  t.true(
    lines([waiting('r1', { groups: [group({ nodes })] })]).some(l => l.includes('n0, n1, n2, n3 and 26 more nodes: ')),
  );
});

test('who holds what is missing is told once', t => {
  const held = group({ heldBy: ['shop/emb'], message: 'needs 1 GPU' });
  t.true(lines([waiting('r1', { groups: [held] })]).includes('    held by shop/emb'));
  const told = { ...held, message: 'needs 1 GPU: it is held by shop/emb' };
  t.is(lines([waiting('r1', { groups: [told] })]).filter(l => l.includes('shop/emb')).length, 1);
});

test('a back-off says when it ends, and its node is not named twice', t => {
  const backoff = waiting('r1', {
    phase: 'backoff',
    node: 'a',
    retryAtMs: NOW + 12_000,
    groups: [group({ constraint: 'backoff', message: 'exited with code 1' })],
  });
  t.deepEqual(lines([backoff]).slice(2), ['r1: backoff for 1m on a, starts again in 12s', '  - exited with code 1']);
});

test('nothing that waits, and nothing at all, are told as such', t => {
  const ready = waiting('r1', { phase: 'ready', waiting: false, groups: [] });
  t.is(lines([ready], { state: 'ready' })[0], 'shop/llm: ready; nothing waits');
  t.deepEqual(lines([], { state: 'deleting' }), ['shop/llm: deleting; it has no replicas']);
});

test('no line is wider than the terminal', t => {
  const message = 'needs 2 GPUs of model H100 with 80 GiB each; there are 4 × A100 with 40 GiB and 2 × T4 with 16 GiB';
  const groups = [group({ nodes: ['gpu-a', 'gpu-b'], message, help: [message], heldBy: ['shop/one', 'shop/another'] })];
  const replicas = ['r1', 'r2', 'r3', 'r4', 'r5'].map(id => waiting(id, { groups }));
  for (const width of [40, 60, 80]) {
    for (const line of lines(replicas, {}, width)) t.true(line.length <= width, line);
  }
});

test('replicas that wait for different times say from when to when', t => {
  const text = lines([waiting('r1'), waiting('r2', { sinceMs: NOW - 200_000 })]);
  t.is(text[2], 'r1, r2: pending for 1m to 3m');
});

test('a replica whose readiness probe fails is said to be impaired, as everywhere else', t => {
  const message = 'the readiness probe fails';
  const ready = { phase: 'ready' as const, impaired: true, groups: [group({ constraint: 'impaired', message })] };
  t.true(lines([waiting('r1', ready)]).some(line => /^r1: impaired for /.test(line)));
  t.true(lines([waiting('r1', { ...ready, impaired: false, waiting: false })]).some(l => /^r1: ready for /.test(l)));
});

test('of many that hold what is missing a few are named', t => {
  const heldBy = Array.from({ length: 9 }, (_, i) => `shop/s${i}`);
  t.true(lines([waiting('r1', { groups: [group({ heldBy })] })]).some(l => l.includes('shop/s3 and 5 more services')));
});
