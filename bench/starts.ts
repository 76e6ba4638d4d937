import Docker from 'dockerode';
import type { BenchContext } from './context.ts';
import { Outrigger } from './outrigger.ts';
import { removeContainers } from './remove-containers.ts';
import type { Row, Target } from './report.ts';
import { alternate } from './rounds.ts';
import { runCommand, tidy, timed } from './run-command.ts';
import { DOCKER_RUN_PREFIX, dockerRun } from './starts/docker-run.ts';
import { Swarm } from './starts/swarm.ts';
import { medianInterval, ratioInterval } from './statistics.ts';

const FILE = 'bench/starts/outrigger.yaml';
/** The same replicas on the network of a plain `docker run`: what Outrigger adds, without what a network costs the engine. */
const BRIDGE_FILE = 'bench/starts/outrigger-bridge.yaml';
const COMPOSE = ['compose', '-f', 'bench/starts/compose.yaml'];
const NETWORK = 'outrigger-bench-starts';
const SIDES = [
  'docker run',
  'docker run --network',
  'outrigger up',
  'outrigger up, bridge',
  'outrigger up, cold',
  'compose up --wait',
  'Swarm service',
] as const;
type Side = (typeof SIDES)[number];
type Name = Side | 'docker run, answering';
const BASE = 'docker run';

/**
 * (b) Ten replicas of a server that starts in a millisecond, each way from the command to the moment it calls them
 * ready; `docker run` never does, so it counts twice: until the ten commands return, and until the ten answer. `outrigger
 * up` finds a control plane, and `cold` starts one. Every removal is over before the next measurement begins.
 */
export async function benchStarts(context: BenchContext): Promise<{ rows: Row[]; raw: unknown }> {
  const { signal, progress, pairs } = context;
  progress.phase('(b) starts: preparing');
  const docker = new Docker();
  const never = new AbortController().signal;
  await using cleanup = new AsyncDisposableStack();
  const outrigger = cleanup.use(await Outrigger.make());
  const down = (which: Outrigger, file = FILE) => which.run(['down', '-f', file], { signal: never });
  await outrigger.serve(signal);
  cleanup.defer(() => tidy('take the replicas down', () => down(outrigger)));
  await runCommand('docker', ['network', 'create', NETWORK], { signal });
  cleanup.defer(() =>
    tidy(`remove the network ${NETWORK}`, () => runCommand('docker', ['network', 'rm', NETWORK], { signal: never })),
  );
  const swarm = cleanup.use(await Swarm.join(docker, signal));

  const measures: Record<Side, () => Promise<Partial<Record<Name, number>>>> = {
    'docker run': async () => {
      try {
        const { returnedMs, answeringMs } = await dockerRun(docker, 'bridge', signal);
        return { 'docker run': returnedMs, 'docker run, answering': answeringMs };
      } finally {
        await removeContainers(docker, DOCKER_RUN_PREFIX, { interrupted: signal.aborted });
      }
    },
    'docker run --network': async () => {
      try {
        return { 'docker run --network': (await dockerRun(docker, NETWORK, signal)).returnedMs };
      } finally {
        await removeContainers(docker, DOCKER_RUN_PREFIX, { interrupted: signal.aborted });
      }
    },
    'outrigger up': async () => {
      try {
        return { 'outrigger up': await timed(() => outrigger.run(['up', '-d', '-f', FILE], { signal })) };
      } finally {
        await down(outrigger);
      }
    },
    'outrigger up, bridge': async () => {
      try {
        return {
          'outrigger up, bridge': await timed(() => outrigger.run(['up', '-d', '-f', BRIDGE_FILE], { signal })),
        };
      } finally {
        await down(outrigger, BRIDGE_FILE);
      }
    },
    'outrigger up, cold': async () => {
      await using cold = await Outrigger.make();
      try {
        return { 'outrigger up, cold': await timed(() => cold.run(['up', '-d', '-f', FILE], { signal })) };
      } finally {
        await down(cold);
      }
    },
    'compose up --wait': async () => {
      try {
        const up = () => runCommand('docker', [...COMPOSE, 'up', '--detach', '--wait'], { signal });
        return { 'compose up --wait': await timed(up) };
      } finally {
        await runCommand('docker', [...COMPOSE, 'down', '--timeout', '0'], { signal: never });
      }
    },
    'Swarm service': async () => {
      try {
        return { 'Swarm service': await swarm.up(signal) };
      } finally {
        await swarm.down();
      }
    },
  };
  progress.phase(`(b) starts: ${pairs.starts} rounds`);
  const rounds = await alternate(SIDES, {
    rounds: pairs.starts,
    measure: side => measures[side](),
    progress,
    what: 'ten replicas',
    signal,
  });
  const times = rounds.map(round => Object.assign({}, ...Object.values(round)) as Record<Name, number>);
  return { rows: rowsOf(times), raw: times };
}

/** As the issue states them: at most half as long again as the bare containers, and ahead of Compose and Swarm. */
const TARGETS: Partial<Record<Name, Target>> = {
  'outrigger up': { of: 'ratio', atMost: 1.5 },
};

function rowsOf(times: readonly Record<Name, number>[]): Row[] {
  const names: Name[] = ['docker run', 'docker run, answering', ...SIDES.slice(1)];
  const rows = names.map((side): Row => {
    const value = medianInterval(times.map(time => time[side] / 1_000));
    const row = { part: 'starts' as const, measure: 'ten replicas', side, value, unit: 's' };
    if (side === BASE) return row;
    const ratio = ratioInterval(times.map(time => ({ value: time[side], base: time[BASE] })));
    const target = TARGETS[side];
    return { ...row, ratio: { ...ratio, against: BASE }, ...(target && { target }) };
  });
  const others = [
    { other: 'docker run --network' },
    { other: 'compose up --wait', target: { of: 'ratio', atMost: 1 } },
    { other: 'Swarm service', target: { of: 'ratio', atMost: 1 } },
  ] as const satisfies { other: Name; target?: Target }[];
  const against = others.map(({ other, ...rest }): Row => {
    const ratio = ratioInterval(times.map(time => ({ value: time['outrigger up'], base: time[other] })));
    const value = medianInterval(times.map(time => time['outrigger up'] / 1_000));
    return {
      part: 'starts',
      measure: `against ${other}`,
      side: 'outrigger up',
      value,
      unit: 's',
      ratio: { ...ratio, against: other },
      ...rest,
    };
  });
  return [...rows, ...against];
}
