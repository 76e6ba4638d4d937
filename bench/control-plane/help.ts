import { createProgram } from '../../cli/program.ts';
import type { BenchContext } from '../context.ts';
import { MAIN } from '../outrigger.ts';
import type { Row } from '../report.ts';
import { alternate, type Round } from '../rounds.ts';
import { runCommand, timed } from '../run-command.ts';
import { medianInterval, ratioInterval } from '../statistics.ts';

const BARE = 'node -e 0';
const TARGET_MS = 150;

/**
 * How long the help of every command takes to appear, beside a Node.js that does nothing, which is its floor: in each
 * round all of them once, one after the other. Milliseconds from the start of the process to its end. Rows for the
 * program's own and for the slowest command's; the rest is in `raw`.
 */
export async function benchHelp(
  context: Pick<BenchContext, 'signal' | 'progress'>,
  { rounds }: { rounds: number },
): Promise<{ rows: Row[]; raw: readonly Round<string, number>[] }> {
  const { signal, progress } = context;
  const helps = new Map(
    [[], ...commandPaths()].map(words => [['outrigger', ...words, '--help'].join(' '), [MAIN, ...words, '--help']]),
  );
  const raw = await alternate([BARE, ...helps.keys()], {
    rounds,
    measure: side => timed(() => runCommand(process.execPath, helps.get(side) ?? ['-e', '0'], { signal })),
    progress,
    what: 'help',
    signal,
  });
  const row = (side: string, called = side): Row => ({
    part: 'control plane',
    measure: 'help',
    side: called,
    value: medianInterval(raw.map(round => round[side]!)),
    unit: 'ms',
  });
  const held = (side: string, called = side): Row => ({
    ...row(side, called),
    ratio: { ...ratioInterval(raw.map(round => ({ value: round[side]!, base: round[BARE]! }))), against: BARE },
    target: { of: 'value', atMost: TARGET_MS },
  });
  const [program, ...commands] = [...helps.keys()];
  const slowest = commands.toSorted((a, b) => row(b).value.median - row(a).value.median)[0]!;
  const slowestOfAll = held(slowest, `${slowest} (slowest of ${commands.length})`);
  return { rows: [row(BARE), held(program!), slowestOfAll], raw };
}

/** Every command that `outrigger --help` shows, with those below it. */
function commandPaths(): string[][] {
  const below = (command: Command, path: readonly string[]): string[][] =>
    command
      .createHelp()
      .visibleCommands(command)
      .filter(sub => sub.name() !== 'help')
      .flatMap(sub => [[...path, sub.name()], ...below(sub, [...path, sub.name()])]);
  return below(
    createProgram(async () => {}),
    [],
  );
}

type Command = ReturnType<typeof createProgram>;
