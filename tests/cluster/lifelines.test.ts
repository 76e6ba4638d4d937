import test from 'ava';
import type { ServiceView } from '../../control-plane/views/views.ts';
import { Acknowledged } from './acknowledged.ts';
import type { Run } from './engine-log.ts';
import { Faults } from './faults.ts';
import { brokenLifelines, type Facts } from './lifelines.ts';

/** The random test is worth what its eyes are: each of these histories breaks one invariant, or none. */

function run(parts: Partial<Run>): Run {
  const replicaId = parts.replicaId ?? 'r1';
  return {
    node: 'a',
    containerId: `${replicaId}-${parts.startedAt ?? 0}`,
    namespace: 'steady',
    service: 'model',
    replicaId,
    attempt: 1,
    startedAt: 0,
    fixed: { devices: [], environment: [] },
    toldAt: null,
    diedAt: null,
    ...parts,
  };
}

function found(runs: readonly Run[], more: Partial<Facts> = {}): string {
  const facts: Facts = {
    runs,
    faults: new Faults(),
    limits: { mostAtOnce: () => 2, steadyReplicas: () => 1 },
    requestOf: () => null,
    publishedAt: () => null,
    hadAnswered: () => true,
    ...more,
  };
  const all = brokenLifelines(facts, { after: -1, upTo: Date.now() * 2 });
  return [...new Set(all.map(words => /^invariant (\d)/.exec(words)?.[1] ?? words))].join();
}

const KILLED_AT = 1_000;
/** Ended by itself once, and begun again so long after. */
const again = (gapMs: number) => [
  run({ diedAt: KILLED_AT }),
  run({ attempt: 2, startedAt: KILLED_AT + gapMs, diedAt: KILLED_AT + gapMs + 1 }),
];

test('a replica that comes back after its back-off breaks nothing, one that comes back before it does', t => {
  t.is(found(again(9_100)), '');
  t.is(found(again(8_900)), '7');
  const thrice = (gapMs: number) => [
    ...again(10_000),
    run({ attempt: 3, startedAt: KILLED_AT + 10_001 + gapMs, diedAt: KILLED_AT + 20_000 + gapMs }),
  ];
  t.is(found(thrice(18_100)), '');
  t.is(found(thrice(10_000)), '7');
});

test('what was stopped by the control plane is not begun anew', t => {
  const [first, second] = again(10_000);
  t.is(found([{ ...first!, toldAt: KILLED_AT - 10 }, second!]), '3');
});

test('two containers of one replica at one moment are seen, whatever their nodes, and though both are gone since', t => {
  const first = run({ diedAt: 60_000 });
  t.is(found([first, run({ node: 'b', startedAt: 59_000, diedAt: 61_000 })]), '1,7');
  t.is(found([first, run({ node: 'b', startedAt: 70_000, diedAt: 71_000 })]), '');
});

test('more containers of a service than may be are seen, but those on a node that was cut off', t => {
  const three = ['r1', 'r2', 'r3'].map((replicaId, i) => run({ replicaId, node: i === 0 ? 'a' : 'b', startedAt: i }));
  t.is(found(three), '1');
  t.is(found(three.slice(1)), '');
  const faults = new Faults();
  const now = Date.now();
  faults.begin('cut', 'a');
  const since = three.map((r, i) => ({ ...r, startedAt: now + i }));
  t.is(found(since, { faults }), '');
});

test('one device that two have alone at one moment is seen', t => {
  const holder = (replicaId: string, startedAt: number, diedAt: number) =>
    run({ replicaId, startedAt, diedAt, fixed: { devices: [3], environment: [] } });
  const requestOf = () => ({ count: 1, models: [], exclusive: true });
  t.is(found([holder('r1', 0, 1_000), holder('r2', 999, 2_000)], { requestOf }), '2');
  t.is(found([holder('r1', 0, 1_000), holder('r2', 1_001, 2_000)], { requestOf }), '');
});

test('what nobody changes leaves only a node that something happened to, and only once others serve', t => {
  const now = Date.now();
  const publishedAt = () => now;
  const leaver = run({ startedAt: now, toldAt: now + 5_000, diedAt: now + 5_100 });
  const other = run({ replicaId: 'r2', startedAt: now + 1 });
  t.is(found([leaver, other], { publishedAt }), '3', 'nothing happened to its node');
  const faults = new Faults();
  faults.begin('drain', 'a');
  t.is(found([leaver, other], { publishedAt, faults }), '');
  t.is(found([leaver, other], { publishedAt, faults, hadAnswered: () => false }), '3', 'the other does not serve');
  t.is(found([leaver], { publishedAt, faults }), '3', 'there is no other');
  t.is(found([leaver], { faults }), '', 'it never served');
});

test('an endpoint that is published after its container was told to stop is seen', t => {
  const steady = { mostAtOnce: () => 2, steadyReplicas: () => null };
  const leaver = run({ startedAt: 0, toldAt: 5_000 });
  t.is(found([leaver], { limits: steady, publishedAt: () => 4_999 }), '');
  t.is(found([leaver], { limits: steady, publishedAt: () => 5_001 }), '5');
});

test('what was acknowledged and is not so is seen; what was not answered may be so or not', t => {
  const view = (wantedReplicas: number, revision: number) =>
    ({
      namespace: 'n',
      deleting: false,
      wantedReplicas,
      spec: { environment: { REVISION: String(revision) } },
    }) as unknown as ServiceView;
  const acknowledged = new Acknowledged();
  const up = { what: 'up', namespace: 'n', replicas: 2, revision: 1 } as const;
  acknowledged.asked(up, { isAnswered: true });
  t.deepEqual(acknowledged.check([view(2, 1)]), []);
  t.is(acknowledged.check([view(3, 1)]).length, 1);
  t.is(acknowledged.check([view(2, 0)]).length, 1);
  t.is(acknowledged.check([]).length, 1);
  t.is(acknowledged.check([{ ...view(2, 1), deleting: true }]).length, 1);

  acknowledged.asked({ what: 'scale', namespace: 'n', replicas: 4 }, { isAnswered: false });
  t.deepEqual(acknowledged.check([view(4, 1)]), []);
  t.is(acknowledged.check([view(2, 1)]).length, 1, 'it came about, and that is lost');

  t.false(acknowledged.changes({ ...up, replicas: 0 }), 'a file leaves the number as it is');
  t.true(acknowledged.changes({ ...up, revision: 2 }));
  acknowledged.asked({ what: 'down', namespace: 'n' }, { isAnswered: true });
  t.is(acknowledged.check([view(4, 1)]).length, 1);
  t.false(acknowledged.changes({ what: 'scale', namespace: 'n', replicas: 1 }), 'there is nothing to scale');
});
