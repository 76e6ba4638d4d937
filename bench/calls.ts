import Docker from 'dockerode';
import { GeneratorProcess } from './calls/generator-process.ts';
import { type Neighbours, neighbours } from './calls/neighbours.ts';
import type { Measured, Workload } from './calls/workload.ts';
import type { BenchContext } from './context.ts';
import { Outrigger } from './outrigger.ts';
import { removeContainers } from './remove-containers.ts';
import type { Row, Target } from './report.ts';
import { alternate, orderOf, type Round } from './rounds.ts';
import { runCommand, tidy } from './run-command.ts';
import { medianInterval, ratioInterval } from './statistics.ts';

const FILE = 'bench/calls/compose.yaml';
const NETWORK = 'bench-calls_default';
const SIDES = ['hard-coded address', 'outrigger://', 'HAProxy', 'nginx'] as const;
type Side = (typeof SIDES)[number];
const BASE = 'hard-coded address' satisfies Side;

const UNARY = { kind: 'unary', inFlight: 16, payloadBytes: 128, durationMs: 300 } as const satisfies Workload;
const LARGE = { kind: 'large', payloadBytes: 64 * 1024 * 1024 } as const satisfies Workload;
const STREAM = { kind: 'stream', messages: 2_000, messageBytes: 1_024, durationMs: 300 } as const satisfies Workload;

/**
 * (a) The same stock grpc-js client on the same container: by its hard-coded address, by `outrigger://`, through HAProxy
 * and through nginx. Callers are processes of their own. They live for some rounds and are then replaced, because two
 * processes of the same program may differ for good by a few percent, in either direction. With large messages they differ
 * by more than there is to be told, so there one process calls all sides, and each call is compared with its neighbour.
 */
export async function benchCalls(context: BenchContext): Promise<{ rows: Row[]; raw: unknown }> {
  const { signal, progress, pairs } = context;
  await using cleanup = new AsyncDisposableStack();
  const outrigger = cleanup.use(await Outrigger.make());
  cleanup.defer(() => tidy('take the echo service down', () => down(outrigger)));
  progress.phase('(a) calls: starting the echo service');
  await outrigger.run(['up', '-d', '-f', FILE], { signal });
  const plain = await outrigger.run(['resolve', '-f', FILE, 'echo', '--plain'], { signal });
  const targets: Record<Side, string> = {
    [BASE]: plain.trim(),
    'outrigger://': 'outrigger:///bench-calls/echo',
    HAProxy: await startProxy('haproxy', ['haproxy', '-f', '/etc/bench/haproxy.cfg'], cleanup, signal),
    nginx: await startProxy('nginx', ['nginx', '-c', '/etc/bench/nginx.conf'], cleanup, signal),
  };

  const unary: Round<Side, Measured>[] = [];
  const large: Neighbours<Side, Measured>[] = [];
  const stream: Round<Side, Measured>[] = [];
  const generations = Math.max(1, Math.ceil(pairs.calls / ROUNDS_EACH));
  for (let generation = 1; generation <= generations; generation += 1) {
    progress.phase(`(a) calls: callers ${generation} of ${generations}`);
    using callers = new DisposableStack();
    const generators = {} as Record<Side, GeneratorProcess>;
    for (const side of SIDES) {
      generators[side] = callers.use(await GeneratorProcess.open([targets[side]], outrigger.environment, signal));
      await generators[side].run(targets[side], { ...UNARY, durationMs: WARM_UP_MS });
      await generators[side].run(targets[side], { ...STREAM, durationMs: WARM_UP_MS / 3 });
    }
    const measure = (workload: Workload) => (side: Side) => generators[side].run(targets[side], workload);
    const each = { progress, signal };
    unary.push(
      ...(await alternate(SIDES, { rounds: ROUNDS_EACH, measure: measure(UNARY), what: 'unary calls', ...each })),
    );
    stream.push(
      ...(await alternate(SIDES, { rounds: ROUNDS_EACH / 2, measure: measure(STREAM), what: 'streaming', ...each })),
    );
    callers.dispose();
    // Which channel is the process's first may matter for as long as it lives.
    const opened = orderOf(SIDES, generation).map(side => targets[side]);
    using caller = await GeneratorProcess.open(opened, outrigger.environment, signal);
    const call = (side: Side) => caller.run(targets[side], LARGE);
    for (const side of SIDES) await call(side);
    large.push(
      ...(await neighbours(BASE, LARGE_TURNS, { rounds: LARGE_ROUNDS, measure: call, what: '64 MiB', ...each })),
    );
  }
  const throughput: Target = { of: 'ratio', atLeast: 0.97 };
  const rows = [
    ...rowsOf('unary calls, 16 at once', unary, { unit: 'calls/s', read: m => m.perSecond, target: throughput }),
    ...rowsOf('unary p50', unary, { unit: 'ms', read: m => m.p50Ms }),
    ...rowsOf('unary p99', unary, { unit: 'ms', read: m => m.p99Ms, target: { of: 'ratio', atMost: 1.05 } }),
    ...rowsOf('CPU time of the caller, a unary call', unary, { unit: 'ms', read: m => m.cpuMs }),
    ...neighbourRowsOf('64 MiB there and back', large, {
      unit: 'MiB/s each way',
      read: m => m.perSecond / 2 ** 20,
      target: throughput,
    }),
    ...neighbourRowsOf('CPU time of the caller, 64 MiB there and back', large, { unit: 'ms', read: m => m.cpuMs }),
    ...rowsOf('server streaming, 1 KiB', stream, { unit: 'messages/s', read: m => m.perSecond, target: throughput }),
  ];
  return { rows, raw: { unary, large, stream, workloads: { UNARY, LARGE, STREAM } } };
}

/** A multiple of four; the rounds that one set of callers makes. */
const ROUNDS_EACH = 16;
/** Until V8 has compiled what is hot. */
const WARM_UP_MS = 1_500;
/** What there is a target for is told more closely than what is shown beside it. */
const LARGE_TURNS = ['outrigger://', 'outrigger://', 'HAProxy', 'outrigger://', 'outrigger://', 'nginx'] as const;
const LARGE_ROUNDS = 4;

interface Figure {
  readonly unit: string;
  readonly read: (measured: Measured) => number;
  readonly target?: Target;
}

function rowsOf(measure: string, rounds: readonly Round<Side, Measured>[], figure: Figure): Row[] {
  return SIDES.map(side => {
    const pairs = rounds.map(round => ({ value: round[side], base: round[BASE] }));
    return rowOf(measure, side, pairs, figure);
  });
}

function neighbourRowsOf(measure: string, all: readonly Neighbours<Side, Measured>[], figure: Figure): Row[] {
  return SIDES.map(side => {
    const pairs =
      side === BASE ? all.map(({ base }) => ({ value: base, base })) : all.filter(pair => pair.side === side);
    return rowOf(measure, side, pairs, figure);
  });
}

function rowOf(
  measure: string,
  side: Side,
  pairs: readonly { readonly value: Measured; readonly base: Measured }[],
  { unit, read, target }: Figure,
): Row {
  const value = medianInterval(pairs.map(pair => read(pair.value)));
  const row = { part: 'calls' as const, measure, side, value, unit };
  if (side === BASE) return row;
  const ratio = ratioInterval(pairs.map(pair => ({ value: read(pair.value), base: read(pair.base) })));
  return {
    ...row,
    ratio: { ...ratio, against: BASE },
    ...(target && side === 'outrigger://' && { target }),
  };
}

/** A proxy in a container of the service's own network; resolves to its address. */
async function startProxy(
  name: string,
  command: readonly string[],
  cleanup: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<string> {
  const container = `outrigger-bench-${name}`;
  const docker = new Docker();
  const remove = () => removeContainers(docker, container, { interrupted: signal.aborted });
  await remove();
  cleanup.defer(() => tidy(`remove the container ${container}`, remove));
  const options = ['--detach', '--name', container, '--network', NETWORK];
  await runCommand('docker', ['run', ...options, 'outrigger-bench/proxies', ...command], { signal });
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  const address = await runCommand('docker', ['inspect', '--format', format, container], { signal });
  if (address.trim() === '') {
    const log = await runCommand('sh', ['-c', `docker logs ${container} 2>&1`], { signal });
    throw new Error(`${name} did not start:\n${log}`);
  }
  return `${address.trim()}:50051`;
}

async function down(outrigger: Outrigger): Promise<void> {
  await outrigger.run(['down', '-f', FILE], { signal: new AbortController().signal });
}
