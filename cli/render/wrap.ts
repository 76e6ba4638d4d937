import { textWidth, truncate } from './text.ts';

/**
 * A text as lines of at most `width` columns, broken between words; later lines begin with `indent`. A word that is wider
 * than a line stands on one of its own, cut only where `width` is finite and it would not fit.
 */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(SPACE).filter(w => w !== '')) {
    const lead = lines.length === 0 ? '' : indent;
    const longer = line === '' ? lead + word : `${line} ${word}`;
    if (line === '' || textWidth(longer) <= width) {
      line = longer;
      continue;
    }
    lines.push(truncate(line, width));
    line = indent + word;
  }
  return line === '' ? lines : [...lines, truncate(line, width)];
}

/** Between words; a number and its unit are one. */
const SPACE = / +(?!(?:[KMGTP]i?)?B\b)/;
