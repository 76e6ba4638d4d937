import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from './context.ts';
import { benchHelp } from './control-plane/help.ts';
import { processUsage } from './control-plane/process-usage.ts';
import { Outrigger } from './outrigger.ts';
import type { Row, Target } from './report.ts';
import { alternate } from './rounds.ts';
import { runCommand, tidy, timed } from './run-command.ts';
import { medianInterval } from './statistics.ts';

const FILE = 'bench/starts/outrigger.yaml';
const QUESTIONS = ['HTTP list', 'HTTP resolve', 'gRPC list', 'gRPC resolve'] as const;
const GENERATOR = path.join(import.meta.dirname, 'control-plane/request-generator.ts');
const MB = 1e6;

/** (c) The control plane by itself: its start, and what it takes and answers with ten replicas that are probed. */
export async function benchControlPlane(context: BenchContext): Promise<{ rows: Row[]; raw: unknown }> {
  const { signal, progress, pairs, idleMs } = context;
  progress.phase(`(c) control plane: ${pairs.controlPlane} starts`);
  const startsMs: number[] = [];
  for (let i = 0; i < pairs.controlPlane; i += 1) {
    await using fresh = await Outrigger.make();
    startsMs.push(await timed(() => fresh.serve(signal)));
  }

  progress.phase('(c) command line: help');
  const help = await benchHelp(context, { rounds: pairs.controlPlane });

  progress.phase('(c) control plane: ten replicas');
  await using cleanup = new AsyncDisposableStack();
  const outrigger = cleanup.use(await Outrigger.make());
  const never = new AbortController().signal;
  cleanup.defer(() => tidy('take the replicas down', () => outrigger.run(['down', '-f', FILE], { signal: never })));
  await outrigger.run(['up', '-d', '-f', FILE], { signal });
  const pid = await outrigger.pid(signal);
  await sleep(SETTLE_MS, undefined, { signal });
  progress.phase(`(c) control plane: watching it idle for ${idleMs / 1_000} s`);
  const slices: { residentBytes: number; cpuShare: number }[] = [];
  for (let left = idleMs; left > 0; left -= SLICE_MS) {
    const before = { ...(await processUsage(pid)), at: performance.now() };
    await sleep(SLICE_MS, undefined, { signal });
    const after = await processUsage(pid);
    const cpuShare = (after.cpuMs - before.cpuMs) / (performance.now() - before.at);
    slices.push({ residentBytes: after.residentBytes, cpuShare });
  }

  progress.phase('(c) control plane: requests');
  const requests = await alternate(QUESTIONS, {
    rounds: Math.max(3, Math.ceil(pairs.controlPlane / 2)),
    measure: async kind =>
      Number(await runCommand(process.execPath, [GENERATOR, kind, outrigger.socket, '1000'], { signal })),
    progress,
    what: 'requests',
    signal,
  });
  const { residentBytes: busyBytes } = await processUsage(pid);

  const row = (measure: string, values: readonly number[], unit: string, atMost?: number): Row => {
    const target: Target | undefined = atMost === undefined ? undefined : { of: 'value', atMost };
    const value = medianInterval(values);
    return { part: 'control plane', measure, side: 'outrigger', value, unit, ...(target && { target }) };
  };
  const rows = [
    row('start to serving', startsMs, 'ms', 500),
    row(
      'resident memory, idle, 10 replicas',
      slices.map(s => s.residentBytes / MB),
      'MB',
      100,
    ),
    row('resident memory after the requests below', [busyBytes / MB], 'MB'),
    row(
      'idle CPU, 10 replicas',
      slices.map(s => 100 * s.cpuShare),
      '% of a core',
      1,
    ),
    ...QUESTIONS.map(kind =>
      row(
        `${kind} requests`,
        requests.map(round => round[kind]),
        '/s',
      ),
    ),
    ...help.rows,
  ];
  return { rows, raw: { startsMs, slices, requests, busyBytes, help: help.raw } };
}

/** What a start leaves behind is collected by then. */
const SETTLE_MS = 5_000;
const SLICE_MS = 5_000;
