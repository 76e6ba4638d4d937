import { parseArgs } from 'node:util';

/** The parts of the benchmark, in the order in which they are measured. */
export const PARTS = {
  a: 'calls, beside the hard-coded address, HAProxy and nginx',
  b: 'ten replicas, beside docker run, Compose and Swarm',
  c: 'the control plane: its start, memory, idle CPU and requests a second',
  d: 'the scheduler alone, on simulated clusters: no engine takes part',
} as const;
export type Part = keyof typeof PARTS;

export type Arguments =
  /** `pairs`: undefined where each part has its own number. */
  | {
      readonly kind: 'run';
      readonly only: readonly Part[];
      readonly pairs: number | undefined;
      readonly quick: boolean;
    }
  | { readonly kind: 'help' }
  /** In a sentence: what was found, and what was expected. */
  | { readonly kind: 'wrong'; readonly message: string };

export const USAGE = `Usage: node bench/main.ts [--only PARTS] [--pairs N] [--quick]
       npm run bench -- [--only PARTS] [--pairs N] [--quick]

Measures Outrigger beside its peers, in pairs. The table goes to standard output, every value to bench/results/raw/; a whole
run, neither --only nor --quick, is also published: bench/results/latest.json, docs/benchmarks.md and the README.

Options:
  --only PARTS  these parts, with commas between: --only b,d
  --pairs N     so many pairs or rounds of each measurement, 1 to 1000
  --quick       fewer pairs, about five minutes instead of a quarter of an hour
  -h, --help    show this

Parts:
${Object.entries(PARTS)
  .map(([part, measures]) => `  ${part}  ${measures}`)
  .join('\n')}

Ends with 0 once all is measured, missed targets included; 1 where something could not be measured; 2 after wrong arguments.
`;

/** @param words without the program's name */
export function readArguments(words: readonly string[]): Arguments {
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(words));
  } catch (error) {
    // Node's own words, as far as they say what is wrong: the option, or the word that is none.
    const [first = ''] = (error as Error).message.split(/\.\s|\.$/);
    return wrong(first);
  }
  if (values.help) return { kind: 'help' };
  const only = [...new Set(values.only?.split(',') ?? Object.keys(PARTS))].sort();
  const unknown = only.find(part => !Object.hasOwn(PARTS, part));
  if (unknown !== undefined) {
    return wrong(`--only takes ${Object.keys(PARTS).join(', ')} with commas between, found "${unknown}"`);
  }
  const pairs = values.pairs === undefined ? undefined : Number(values.pairs);
  if (pairs !== undefined && !(Number.isInteger(pairs) && pairs >= 1 && pairs <= MOST_PAIRS)) {
    return wrong(`--pairs takes a number from 1 to ${MOST_PAIRS}, found "${values.pairs}"`);
  }
  return { kind: 'run', only: only as Part[], pairs, quick: values.quick };
}

function parse(words: readonly string[]) {
  return parseArgs({
    args: [...words],
    options: {
      only: { type: 'string' },
      pairs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}

function wrong(message: string): Arguments {
  return { kind: 'wrong', message };
}

const MOST_PAIRS = 1_000;
