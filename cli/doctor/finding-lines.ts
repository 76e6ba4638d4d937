import type { Style } from '../output.ts';
import { pad } from '../render/text.ts';
import type { Finding } from './check.ts';

/** The findings as lines for people. */
export function findingLines(findings: readonly Finding[], style: (style: Style, text: string) => string): string[] {
  const width = Math.max(...findings.map(f => f.name.length));
  return findings.flatMap(({ name, status, message, next }, i) => {
    // Many mistakes of one file have one way to be mended, which is told once, after the last of them.
    const following = findings[i + 1];
    const isToldLater = following?.name === name && following.next === next;
    return [
      `${style(STYLES[status], MARKS[status])} ${pad(name, width)}  ${message}`,
      ...(next === undefined || isToldLater ? [] : [`  ${pad('', width)}  ${style('dim', 'next:')} ${next}`]),
    ];
  });
}

const MARKS = { ok: '✔', info: '–', warn: '!', fail: '✘' } as const;
const STYLES: Readonly<Record<Finding['status'], Style>> = { ok: 'green', info: 'dim', warn: 'yellow', fail: 'red' };
