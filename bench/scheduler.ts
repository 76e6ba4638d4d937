import type { BenchContext } from './context.ts';
import type { Row, Target } from './report.ts';
import { alternate, type Round } from './rounds.ts';
import { PlacerProcess } from './scheduler/placer-process.ts';
import { REPLICAS_PER_NODE, type Workload } from './scheduler/simulated-cluster.ts';
import { medianInterval, ratioInterval } from './statistics.ts';

const SIZES = [100, 1_000, 10_000] as const;
const SIDES = ['100 nodes', '1,000 nodes', '10,000 nodes'] as const;
type Side = (typeof SIDES)[number];
const [SMALL, , LARGE] = SIDES;

/**
 * HashiCorp's C1M challenge: Nomad scheduled 1,000,000 containers on 5,000 hosts in 266.7 s, 3,750 a second
 * (https://www.hashicorp.com/c1m). Its figure is the time until all were scheduled, over a network and on several servers.
 */
const C1M_PER_SECOND = 3_750;

/** (d) The scheduler by itself: what one placement costs on small and large clusters that are full but for a few. */
export async function benchScheduler(context: BenchContext): Promise<{ rows: Row[]; raw: unknown }> {
  const many = await benchWorkload('services', context);
  const one = await benchWorkload('one', context);
  const published = medianInterval([C1M_PER_SECOND]);
  const rows: Row[] = [
    ...costRows('a placement, a new service every 3 replicas', many.rounds),
    ...costRows('a placement, one service over all nodes', one.rounds),
    {
      part: 'scheduler',
      measure: `placements, ${LARGE}`,
      side: 'outrigger',
      value: medianInterval(many.rounds.map(round => 1e6 / round[LARGE])),
      unit: '/s',
      target: { of: 'value', atLeast: 10 * C1M_PER_SECOND },
    },
    {
      part: 'scheduler',
      measure: `placements from empty, ${LARGE}`,
      side: 'outrigger',
      value: medianInterval(many.fills[LARGE].map(fill => (1_000 * replicas(LARGE)) / fill.elapsedMs)),
      unit: '/s',
      target: { of: 'value', atLeast: 10 * C1M_PER_SECOND },
    },
    {
      part: 'scheduler',
      measure: 'containers, 5,000 hosts',
      side: 'Nomad, as published',
      value: published,
      unit: '/s',
    },
    ...SIDES.map((side): Row => {
      const heap = many.fills[side].map(fill => fill.heapBytes / 1e6);
      const measure = `heap of the cluster, ${REPLICAS_PER_NODE} replicas per node`;
      return { part: 'scheduler', measure, side, value: medianInterval(heap), unit: 'MB' };
    }),
  ];
  return { rows, raw: { many, one } };
}

interface Fill {
  readonly elapsedMs: number;
  readonly heapBytes: number;
}

/** Microseconds for a placement, round by round, and what it took to fill the clusters. */
async function benchWorkload(
  workload: Workload,
  { signal, progress, pairs }: BenchContext,
): Promise<{ rounds: Round<Side, number>[]; fills: Record<Side, Fill[]> }> {
  progress.phase(`(d) scheduler: ${workload === 'one' ? 'one service' : 'many services'}, filling clusters`);
  using cleanup = new DisposableStack();
  const placers = SIDES.map(() => cleanup.use(new PlacerProcess(signal)));
  const fills: Record<Side, Fill[]> = { [SIDES[0]]: [], [SIDES[1]]: [], [SIDES[2]]: [] };
  // The first filling compiles; it is the later ones that count.
  for (let i = 0; i <= pairs.fills; i += 1) {
    for (const [at, side] of SIDES.entries()) {
      progress.step(`filling ${side}`);
      const fill = await placers[at]!.fill({ nodes: SIZES[at]!, workload });
      if (i > 0) fills[side].push(fill);
    }
  }
  const count = PLACEMENTS;
  for (const placer of placers) await placer.place(count);
  const rounds = await alternate(SIDES, {
    rounds: pairs.placements,
    measure: async side => (1_000 * (await placers[SIDES.indexOf(side)]!.place(count))) / count,
    progress,
    what: 'placements',
    signal,
  });
  return { rounds, fills };
}

/** In one round, on each cluster. */
const PLACEMENTS = 4_000;

function costRows(measure: string, rounds: readonly Round<Side, number>[]): Row[] {
  return SIDES.map(side => {
    const value = medianInterval(rounds.map(round => round[side]));
    const row: Row = { part: 'scheduler', measure, side, value, unit: 'µs' };
    if (side === SMALL) return row;
    const ratio = { ...ratioInterval(rounds.map(r => ({ value: r[side], base: r[SMALL] }))), against: SMALL };
    const target: Target | undefined = side === LARGE ? { of: 'ratio', atMost: 3 } : undefined;
    return { ...row, ratio, ...(target && { target }) };
  });
}

function replicas(side: Side): number {
  return SIZES[SIDES.indexOf(side)]! * REPLICAS_PER_NODE;
}
