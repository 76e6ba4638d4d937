import test from 'ava';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { isVacant } from '../../control-plane/core/nodes/is-vacant.ts';
import { JudgedNodes } from '../../control-plane/core/nodes/judged-nodes.ts';
import type { Phase } from '../../control-plane/core/replica.ts';
import { aNode, aReplica, CAUSE, phaseOf, seen } from './replicas.ts';

const { lostAfterMs, replaceAfterMs } = DEFAULT_NODE_POLICY;
const SILENT_SINCE = 1_000;
const LOST = SILENT_SINCE + lostAfterMs;

/** Beside `local`, which is silent, another node answers. */
function judgedAt(now: number): JudgedNodes {
  const nodes = [aNode({ answering: false, silentSince: SILENT_SINCE }), aNode({ name: 'other' })];
  return new JudgedNodes({ observed: seen({ nodes }), records: new Map(), policy: DEFAULT_NODE_POLICY, now });
}

const isGivenUp = (phase: Phase, now: number) => judgedAt(now).isGivenUp(aReplica(phase));

test('what is on its way out for good is not waited for from when its node is lost', t => {
  for (const phase of [phaseOf('draining', 500), phaseOf('stopping', 500)]) {
    t.false(isGivenUp(phase, LOST - 1), phase.kind);
    t.true(isGivenUp(phase, LOST), phase.kind);
  }
});

test('what is to run again has its time from when its node was lost, and what was lost from when it was', t => {
  const stopping = phaseOf('stopping', 500, { afterwards: { kind: 'retried', cause: CAUSE } });
  t.false(isGivenUp(stopping, LOST + replaceAfterMs - 1));
  t.true(isGivenUp(stopping, LOST + replaceAfterMs));
  // Its own probe passed for long: it was lost only when that ended.
  const lost = phaseOf('lost', LOST + 50_000);
  t.false(isGivenUp(lost, LOST + 50_000 + replaceAfterMs - 1));
  t.true(isGivenUp(lost, LOST + 50_000 + replaceAfterMs));
  t.true(
    judgedAt(LOST)
      .wakeTimes([aReplica(lost)])
      .includes(LOST + 50_000 + replaceAfterMs),
    'that is looked at then',
  );
});

test('another engine may take the place of a node that has nothing, or is drained', t => {
  const there = aReplica(phaseOf('ready', 1));
  const replicas = new Map([[there.id, there]]);
  const drained = (drainingSince: number | null) =>
    new Map([['local', { name: 'local', drainingSince, quarantined: [] }]]);
  t.false(isVacant({ replicas, nodes: new Map() }, 'local'));
  t.false(isVacant({ replicas, nodes: drained(null) }, 'local'));
  t.true(isVacant({ replicas, nodes: drained(5) }, 'local'));
  t.true(isVacant({ replicas, nodes: drained(5) }, 'other'));
  t.true(isVacant({ replicas: new Map(), nodes: new Map() }, 'local'));
});

test('a node that is taken out and named again finds the devices that are known for good in quarantine, for its time', t => {
  const by = { since: 1_000, reason: 'lost' };
  const known = { device: 'nvidia.com/gpu=0', uuid: 'GPU-1', ...by };
  const record = {
    name: 'gone',
    connection: 'ssh://gone',
    drainingSince: 5,
    quarantined: [known, { device: 'nvidia.com/gpu=1', ...by }],
  };
  const tidied = (now: number) => {
    const judged = new JudgedNodes({
      observed: seen({ nodes: [aNode({})] }),
      records: new Map([['gone', record]]),
      policy: DEFAULT_NODE_POLICY,
      now,
    });
    judged.tidy();
    return { record: judged.records.get('gone'), wakes: judged.wakeTimes([]) };
  };
  const end = 1_000 + DEFAULT_NODE_POLICY.quarantineMs;
  t.deepEqual(tidied(end - 1), { record: { name: 'gone', drainingSince: null, quarantined: [known] }, wakes: [end] });
  t.deepEqual(tidied(end), { record: undefined, wakes: [] });
});
