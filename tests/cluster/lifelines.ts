import { type Run, runningAt } from './engine-log.ts';
import type { Faults } from './faults.ts';
import type { Holding } from './holdings.ts';
import { type Request, violations } from './invariants.ts';

export interface Limits {
  /** Of a service: as many live containers. */
  readonly mostAtOnce: (namespace: string) => number;
  /** Of a service that nobody changes: how many are wanted; null of any other. */
  readonly steadyReplicas: (namespace: string) => number | null;
}

export interface Facts {
  readonly runs: readonly Run[];
  readonly faults: Faults;
  readonly limits: Limits;
  readonly requestOf: (holding: Holding) => Request | null;
  /** When it was published for the last time that anybody saw; null: never. */
  readonly publishedAt: (containerId: string) => number | null;
  /** Whether it had answered a request by then; true too where nobody can tell any more. */
  readonly hadAnswered: (run: Run, at: number) => boolean;
}

/** What the history of starts and ends breaks of reliability.md's invariants between the two moments; their numbers first. */
export function brokenLifelines(facts: Facts, { after, upTo }: { after: number; upTo: number }): readonly string[] {
  const isNew = (at: number | null) => at !== null && at > after && at <= upTo;
  const { runs } = facts;
  return [
    ...runs
      .filter(r => isNew(r.startedAt))
      .flatMap(run => [...brokenByStart(facts, run), ...brokenGaps(facts, run), ...crowded(facts, run)]),
    ...runs.filter(r => isNew(r.toldAt)).flatMap(run => brokenByStop(facts, run)),
    ...runs.flatMap(run => {
      const at = facts.publishedAt(run.containerId);
      return run.toldAt !== null && at !== null && at > run.toldAt
        ? [`invariant 5: ${inWords(run)} was published ${at - run.toldAt} ms after it was told to stop`]
        : [];
    }),
  ];
}

/** One container a replica, and devices within what they have, at the moment of each start. */
function brokenByStart({ runs, requestOf }: Facts, run: Run): readonly string[] {
  const beside = runningAt(runs, run.startedAt);
  const twins = beside.filter(r => r !== run && r.replicaId === run.replicaId);
  const holdings = beside.flatMap(r => (r.fixed ? [{ ...r, ...r.fixed, state: 'running' }] : []));
  return [
    ...twins.map(twin => `invariant 1: ${inWords(run)} began while ${inWords(twin)} ran`),
    ...violations(holdings, requestOf).map(words => `invariant 2: ${words}, when ${inWords(run)} began`),
  ];
}

/** What runs where nobody could reach it is not counted: it cannot be ended. */
function crowded({ runs, faults, limits }: Facts, run: Run): readonly string[] {
  const most = limits.mostAtOnce(run.namespace);
  const counted = runningAt(runs, run.startedAt).filter(
    r => r.namespace === run.namespace && !faults.was('cut', r.node, { from: r.startedAt, to: run.startedAt }),
  );
  return counted.length <= most
    ? []
    : [
        `invariant 1: ${run.namespace} has ${counted.length} containers, ${most} may be: ${counted.map(inWords).join(', ')}`,
      ];
}

/**
 * A replica begins again only after its container ended by itself, and not before its back-off is over: 10 s doubling to
 * 5 min, less a tenth.
 */
function brokenGaps({ runs }: Facts, run: Run): readonly string[] {
  const own = runs.filter(r => r.replicaId === run.replicaId).sort((a, b) => a.startedAt - b.startedAt);
  let failures = 0;
  for (const [i, each] of own.slice(0, own.indexOf(run) + 1).entries()) {
    const before = own[i - 1];
    if (!before || before.diedAt === null) continue;
    failures = each.startedAt - before.startedAt >= FORGIVEN_AFTER_MS ? 1 : failures + 1;
    if (each !== run) continue;
    const floorMs = Math.min(10_000 * 2 ** (failures - 1), 300_000) * 0.9;
    const gapMs = run.startedAt - before.diedAt;
    if (gapMs < floorMs - 1) {
      return [
        `invariant 7: ${inWords(run)} began ${Math.round(gapMs)} ms after the end before it, the floor is ${floorMs} ms`,
      ];
    }
    if (before.toldAt !== null && before.toldAt < before.diedAt) {
      return [`invariant 3: ${inWords(before)} was well, was stopped, and was begun anew as ${inWords(run)}`];
    }
  }
  return [];
}

/**
 * What nobody changes leaves only a node that was cut off or drained, and once as many others serve as are wanted. Those
 * that the test killed count: their replicas come back.
 */
function brokenByStop({ runs, faults, limits, publishedAt, hadAnswered }: Facts, run: Run): readonly string[] {
  const wanted = limits.steadyReplicas(run.namespace);
  const { toldAt } = run;
  if (wanted === null || toldAt === null || faults.killed.has(run.containerId)) return [];
  // One that never served takes nothing with it: a replacement that came too late.
  if (publishedAt(run.containerId) === null) return [];
  const span = { from: run.startedAt, to: toldAt };
  const others = runs.filter(
    r =>
      r !== run &&
      r.namespace === run.namespace &&
      r.startedAt < toldAt &&
      (r.toldAt === null || r.toldAt > toldAt) &&
      (r.diedAt === null || r.diedAt > toldAt || faults.killed.has(r.containerId)) &&
      hadAnswered(r, toldAt),
  );
  const replicas = new Set(others.map(r => r.replicaId));
  return [
    ...(faults.was('cut', run.node, span) || faults.was('drain', run.node, span)
      ? []
      : [`invariant 3: ${inWords(run)} was well on a node that nothing happened to, and was told to stop`]),
    ...(replicas.size >= wanted
      ? []
      : [
          `invariant 3: ${inWords(run)} was told to stop while ${replicas.size} others served of ${wanted}: ${others.map(inWords).join(', ')}`,
        ]),
  ];
}

function inWords({ namespace, replicaId, attempt, node, containerId }: Run): string {
  return `${namespace}/${replicaId} attempt ${attempt} on ${node} (${containerId.slice(0, 12)})`;
}

/** Ready for so long, a replica is forgiven its failures. */
const FORGIVEN_AFTER_MS = 600_000;
