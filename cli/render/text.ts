import { createRequire } from 'node:module';
import { stripVTControlCharacters } from 'node:util';

// Loaded for the first text that is not plain: their tables of characters are a third of what a command takes to start.
const require = createRequire(import.meta.url);
const stringWidth = (text: string): number => require('string-width').default(text);
const cliTruncate = (text: string, columns: number): string => require('cli-truncate').default(text, columns);
const PLAIN = /^[ -~]*$/;

/** Columns that a text takes on a terminal. */
export function textWidth(text: string): number {
  return PLAIN.test(text) ? text.length : stringWidth(text);
}

/** At most `width` columns, with an ellipsis where something was left out. */
export function truncate(text: string, width: number): string {
  if (width <= 0) return '';
  if (!Number.isFinite(width) || textWidth(text) <= width) return text;
  return PLAIN.test(text) ? `${text.slice(0, width - 1)}…` : cliTruncate(text, width);
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const missing = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'left' ? text + missing : missing + text;
}

/** One printable line: what a container or a person wrote may hold line ends and terminal controls. */
export function singleLine(text: string): string {
  return (
    stripVTControlCharacters(text)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
      .trim()
  );
}

/**
 * A line that a container wrote, for a display that is ours: without what would move the cursor, clear the screen or
 * colour the lines after it. Tabs and the space at its beginning stay.
 */
export function quotedLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]+/g, '');
}
