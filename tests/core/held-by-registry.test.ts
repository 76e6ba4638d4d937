import test from 'ava';
import type { RegistryStanding } from '../../control-plane/core/observed.ts';
import type { PhaseKind, Replica } from '../../control-plane/core/replica.ts';
import { heldByRegistry } from '../../control-plane/core/rollout/held-by-registry.ts';
import type { RolloutStep } from '../../control-plane/core/rollout/rollout.ts';
import { aReplica, LET_GO, phaseOf } from './replicas.ts';

const addresses: Replica['addresses'] = [{ kind: 'network', network: 'n', host: '10.0.0.2', port: 80 }];
const replica = (id: string, kind: PhaseKind = 'ready', given: Partial<Replica> = {}) =>
  aReplica(phaseOf(kind, 0), { id, addresses, ...given });

/** The registry answers and hands it out. */
const HANDED_OUT: RegistryStanding = { announced: true, withdrawable: true, letGoAt: null };
const OUT_OF_REACH: RegistryStanding = { announced: true, withdrawable: false, letGoAt: null };
const UNTOLD: RegistryStanding = { announced: false, withdrawable: true, letGoAt: Number.NEGATIVE_INFINITY };

/** Ids of those that leave after all. */
function leavers(
  drain: readonly (readonly [Replica, RolloutStep['drain'][number]['reason']])[],
  others: readonly Replica[],
  standings: Readonly<Record<string, RegistryStanding>>,
): string[] {
  const step = { create: 0, settled: false, drain: drain.map(([r, reason]) => ({ replica: r, reason })) };
  const replicas = [...drain.map(([r]) => r), ...others];
  return heldByRegistry(step, replicas, id => standings[id] ?? LET_GO).drain.map(d => d.replica.id);
}

test('an old replica leaves once its successor is announced, and not before', t => {
  const drain = [[replica('old'), 'replaced']] as const;
  t.deepEqual(leavers(drain, [replica('new')], { old: HANDED_OUT, new: UNTOLD }), []);
  t.deepEqual(leavers(drain, [replica('new')], { old: HANDED_OUT, new: HANDED_OUT }), ['old']);
});

test('who leaves together with idle ones of others leaves altogether, or stays with them', t => {
  const own = ['a', 'b'].map(id => replica(id));
  const other = replica('c');
  const step = {
    create: 0,
    settled: false,
    drain: [...own, other].map(r => ({ replica: r, reason: 'replaced' as const })),
    displacing: { own, idle: ['low'] },
  };
  const heldWith = (standings: Readonly<Record<string, RegistryStanding>>) =>
    heldByRegistry(step, [...own, other], id => standings[id] ?? LET_GO);
  t.deepEqual(heldWith({}), step);
  const held = heldWith({ b: OUT_OF_REACH });
  t.deepEqual(
    held.drain.map(d => d.replica.id),
    ['c'],
  );
  t.is(held.displacing, undefined);
  t.deepEqual(heldWith({ c: OUT_OF_REACH }).displacing, step.displacing);
});

test('what has no address, and so is announced nowhere, keeps nobody', t => {
  const drain = [[replica('old'), 'replaced']] as const;
  t.deepEqual(leavers(drain, [replica('new', 'ready', { addresses: [] })], { old: HANDED_OUT, new: UNTOLD }), ['old']);
});

test('as many stay as serve unannounced in their place', t => {
  const drain = ['a', 'b', 'c'].map(id => [replica(id), 'replaced'] as const);
  const old = { a: HANDED_OUT, b: HANDED_OUT, c: HANDED_OUT };
  const others = [replica('x'), replica('y')];
  t.deepEqual(leavers(drain, others, { ...old, x: UNTOLD, y: HANDED_OUT }), ['a', 'b']);
  t.deepEqual(leavers(drain, others, { ...old, x: UNTOLD, y: UNTOLD }), ['a']);
});

test('whom a registry that does not answer may hand out stays, whatever the reason, unless it is deleted', t => {
  for (const reason of ['replaced', 'scaled_down', 'moved'] as const) {
    t.deepEqual(leavers([[replica('old'), reason]], [], { old: OUT_OF_REACH }), [], reason);
  }
  t.deepEqual(leavers([[replica('old'), 'deleted']], [], { old: OUT_OF_REACH }), ['old']);
});

test('who serves nobody is not held, and who is not handed out waits for nobody', t => {
  t.deepEqual(leavers([[replica('old', 'starting'), 'replaced']], [], { old: OUT_OF_REACH }), ['old']);
  const impaired = aReplica(phaseOf('ready', 0, { impaired: true }), { id: 'old' });
  t.deepEqual(leavers([[impaired, 'replaced']], [], { old: OUT_OF_REACH }), ['old']);
  t.deepEqual(leavers([[replica('old'), 'replaced']], [replica('new')], { old: LET_GO, new: UNTOLD }), ['old']);
});

test('a newcomer that does not serve yet, or leaves itself, keeps nobody', t => {
  const standings = { old: HANDED_OUT, new: UNTOLD };
  t.deepEqual(leavers([[replica('old'), 'replaced']], [replica('new', 'warming')], standings), ['old']);
  const both = [
    [replica('old'), 'replaced'],
    [replica('new'), 'scaled_down'],
  ] as const;
  t.deepEqual(leavers(both, [], standings), ['old', 'new']);
});
