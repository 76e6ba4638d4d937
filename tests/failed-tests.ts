import { stripVTControlCharacters } from 'node:util';

/** One test that failed, or what else broke a run, for a line at its end. */
export interface FailedTest {
  /** `suite › title` as AVA writes it, pytest's node id, or the file that broke. */
  readonly title: string;
  /** How the same run is had again, as its log named it: `OUTRIGGER_SEED=7`; else fast-check's own `seed: 7`. */
  readonly replay?: string;
  /** The first line of what went wrong; of a property the error inside it. Empty where none was printed. */
  readonly error: string;
}

/** What failed, by what AVA or pytest wrote to standard output: the lines of one run, in order. Pure. */
export function failedTests(written: readonly string[]): FailedTest[] {
  const lines = written.map(line => stripVTControlCharacters(line).trimEnd());
  const named = failLines(lines);
  const details = detailsOf(
    lines,
    named.map(f => f.words),
  );
  const tests = named.map(({ words, replay }): FailedTest => {
    const block = details.get(words);
    const seed = replay ?? block?.lines.flatMap(line => FAST_CHECK_SEED.exec(line)?.[1] ?? [])[0];
    const how = seed === undefined ? {} : { replay: seed };
    return block ? { title: block.title, ...how, error: errorIn(block.lines) } : { title: words, ...how, error: '' };
  });
  return [...tests, ...brokenFiles(lines), ...pendingTests(lines), ...pytestFailures(lines)];
}

/** What broke a run that names no failed test, such as a check: its first line with an error, or its last line. Pure. */
export function troubleIn(written: readonly string[]): string {
  const lines = written
    .map(line => stripVTControlCharacters(line).replace(/━+/, '').trim())
    .filter(line => line !== '');
  return lines.find(line => /\berror\b|^\S+\.\w+(:\d+)+:? /i.test(line)) ?? lines.at(-1) ?? '';
}

/** In one line of at most so many characters, the error cut first. */
export function failedTestLine({ title, replay, error }: FailedTest, width = WIDTH): string {
  const head = `✘ ${cut(title, Math.floor(width / 2))}${replay === undefined ? '' : ` (${replay})`}`;
  return cut(error === '' ? head : `${head}: ${error}`, width);
}

const WIDTH = 220;

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

const FAILED = /^\s+✘ \[(?:fail|unexpected pass)\]: (.+)$/;
const LOGGED = /^ {4}(?:ℹ| ) /;
const REPLAYS = /\b(OUTRIGGER_\w+=\S+) replays\b/;
const FAST_CHECK_SEED = /^\s+\{ (seed: -?\d+), path: /;

/** Lines as `✘ [fail]: suite › title words`, with the logs below them. Nothing parts the title from the words. */
function failLines(lines: readonly string[]): { readonly words: string; readonly replay: string | undefined }[] {
  return lines.flatMap((line, at) => {
    const words = FAILED.exec(line)?.[1];
    if (words === undefined) return [];
    const replay = logsBelow(lines, at).flatMap(log => REPLAYS.exec(log)?.[1] ?? [])[0];
    return [{ words, replay }];
  });
}

function logsBelow(lines: readonly string[], at: number): readonly string[] {
  const below = lines.slice(at + 1, at + 1 + MOST_LOGS);
  const end = below.findIndex(line => !LOGGED.test(line));
  return end === -1 ? below : below.slice(0, end);
}

const MOST_LOGS = 100;

interface Block {
  readonly title: string;
  readonly lines: readonly string[];
}

/**
 * What AVA tells of each failed test once all have ended: below a line `─`, the title alone, then the error. By the words
 * of its fail line. A title may begin another one, so that the longest counts.
 */
function detailsOf(lines: readonly string[], words: readonly string[]): ReadonlyMap<string, Block> {
  const from = lines.indexOf('  ─');
  const details = new Map<string, Block>();
  if (from === -1) return details;
  const open = new Set(words);
  const starts: { readonly at: number; readonly title: string; readonly words: string }[] = [];
  for (let at = from + 1; at < lines.length; at += 1) {
    const title = /^ {2}(\S.*)$/.exec(lines[at]!)?.[1];
    if (title === undefined || lines[at - 1] !== '') continue;
    const meant = [...open]
      .filter(w => w === title || w.startsWith(`${title} `))
      .sort((a, b) => a.length - b.length)[0];
    if (meant === undefined) continue;
    open.delete(meant);
    starts.push({ at, title, words: meant });
  }
  for (const [nth, { at, title, words: meant }] of starts.entries()) {
    details.set(meant, { title, lines: lines.slice(at + 1, starts[nth + 1]?.at) });
  }
  return details;
}

/** The line that a person would read first. */
function errorIn(block: readonly string[]): string {
  const inner = block.flatMap(line => /^\s+Got error: (.+)$/.exec(line)?.[1] ?? [])[0];
  if (inner !== undefined) return withoutMarks(inner);
  const texts = block.filter(line => line !== '' && !isExcerpt(line)).map(line => line.trim());
  const [first = ''] = texts;
  if (/^(Error thrown in|Rejected promise returned by)/.test(first)) return thrownIn(texts.slice(1));
  const difference = differenceIn(block);
  if (first.startsWith('Difference ')) return difference;
  const isLead = first.endsWith(':') && texts[1] !== undefined;
  return [isLead ? `${first} ${texts[1]}` : first, difference].filter(Boolean).join('; ');
}

/** A dump of the error comes first, with its message in marks, then the error as it prints itself. */
function thrownIn(texts: readonly string[]): string {
  const printed = texts.find(text => /^[\w$.]*(?:Error|Exception)\b[^{]*$/.test(text)) ?? texts[0] ?? '';
  const example = texts.find(text => text.startsWith('Counterexample: '));
  return printed.includes('Property failed after') && example !== undefined
    ? `${printed}: ${withoutMarks(example)}`
    : printed;
}

/** AVA marks the ends of lines within strings. */
function withoutMarks(text: string): string {
  return text.replace(/␊$/, '');
}

/** The place in the source, and the lines around it. */
function isExcerpt(line: string): boolean {
  return /^ {2}\S+\.[cm]?[jt]s:\d+$/.test(line) || /^ {2,}\d+: /.test(line) || /^ {2,}\d+:$/.test(line);
}

/** The first line of either side. */
function differenceIn(block: readonly string[]): string {
  const sides = ['-', '+'].flatMap(sign => {
    const line = block.find(l => l.startsWith(`  ${sign} `));
    return line === undefined ? [] : [`${sign} ${line.slice(4).trim()}`];
  });
  return sides.join(' ');
}

/** Files that ended before their tests did, each once, with the error that ended them where there is one. */
function brokenFiles(lines: readonly string[]): FailedTest[] {
  const broken = new Map<string, string>();
  for (const [at, line] of lines.entries()) {
    const thrown = /^\s+(Uncaught exception|Unhandled rejection) in (\S+)$/.exec(line);
    if (thrown) {
      const rest = lines.slice(at + 1, at + 1 + MOST_LOGS).filter(l => l !== '' && !isExcerpt(l));
      broken.set(thrown[2]!, `${thrown[1]}: ${rest[0]?.trim() ?? ''}`);
      continue;
    }
    const ended = ENDED.map(pattern => pattern.exec(line)?.groups).find(Boolean);
    if (ended && !broken.has(ended['file']!)) broken.set(ended['file']!, ended['words']!);
  }
  return [...broken].map(([title, error]) => ({ title, error }));
}

const ENDED: readonly RegExp[] = [
  /^\s+✘ (?<words>Exiting due to process\.exit\(\)) when running (?<file>\S+)$/,
  /^\s+✘ (?<file>\S+) (?<words>exited .+)$/,
  /^\s+✘ (?<words>\d+ tests? remaining) in (?<file>\S+)$/,
  /^\s+✘ (?<words>No tests found) in (?<file>[^\s,]+)/,
];

function pendingTests(lines: readonly string[]): FailedTest[] {
  return lines.flatMap(line => {
    const title = /^\s+◌ (.+)$/.exec(line)?.[1];
    return title === undefined ? [] : [{ title, error: 'was still running when the run timed out' }];
  });
}

/** Its short summary: `FAILED file::test[case] - Error: words`. */
function pytestFailures(lines: readonly string[]): FailedTest[] {
  const from = lines.findLastIndex(line => /^=+ short test summary info =+$/.test(line));
  if (from === -1) return [];
  return lines.slice(from + 1).flatMap(line => {
    const [, title, error = ''] = /^(?:FAILED|ERROR) (.+?)(?: - (.*))?$/.exec(line) ?? [];
    return title === undefined ? [] : [{ title, error }];
  });
}
