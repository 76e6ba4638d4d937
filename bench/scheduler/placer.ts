import { SimulatedCluster, type Workload } from './simulated-cluster.ts';

/** A process of the benchmark: holds one simulated cluster, fills it, and places into it when it is told to. */
export type ToPlacer =
  | { readonly kind: 'fill'; readonly nodes: number; readonly workload: Workload }
  /** As many leave before; only the placing is timed. */
  | { readonly kind: 'place'; readonly count: number };

export type FromPlacer =
  | { readonly kind: 'filled'; readonly elapsedMs: number; readonly heapBytes: number }
  | { readonly kind: 'placed'; readonly elapsedMs: number }
  | { readonly kind: 'failed'; readonly message: string };

let cluster: SimulatedCluster | null = null;

process.on('message', (message: ToPlacer) => {
  try {
    process.send?.(answer(message));
  } catch (error) {
    process.send?.({ kind: 'failed', message: (error as Error).message } satisfies FromPlacer);
  }
});

function answer(message: ToPlacer): FromPlacer {
  switch (message.kind) {
    case 'fill': {
      cluster = null;
      const before = heapBytes();
      const filled = new SimulatedCluster(message.nodes, message.workload);
      const elapsedMs = filled.fill();
      cluster = filled;
      return { kind: 'filled', elapsedMs, heapBytes: heapBytes() - before };
    }
    case 'place': {
      if (!cluster) throw new Error('there is no cluster yet');
      return { kind: 'placed', elapsedMs: cluster.turnOver(message.count) };
    }
    default:
      return message satisfies never;
  }
}

function heapBytes(): number {
  if (!globalThis.gc) throw new Error('expected to run with --expose-gc');
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
