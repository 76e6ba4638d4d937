import path from 'node:path';
import type { KeyPath, Located } from './problem.ts';

/**
 * One problem as one line for a terminal: `compose.yaml:7:5: services.a.ports: expected ..., found ...; did you mean
 * "x"?`. Control characters in it are escaped, because a file's text must not write to the terminal.
 * @param options.cwd file names are shown relative to it where they are below it
 */
export function formatLocated(located: Located, options: { cwd?: string } = {}): string {
  const place =
    located.file === undefined
      ? ''
      : `${[shownFile(located.file, options.cwd), located.line, located.column]
          .filter(part => part !== undefined)
          .join(':')}: `;
  const keyPath = located.keyPath.length === 0 ? '' : `${formatKeyPath(located.keyPath)}: `;
  const suggestion = located.suggestion === undefined ? '' : `; did you mean "${located.suggestion}"?`;
  return escapeControls(`${place}${keyPath}${located.message}${suggestion}`);
}

/** `services.a.ports[0].target`; a key that is no plain word stands in brackets and quotes. */
export function formatKeyPath(keyPath: KeyPath): string {
  return keyPath
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      if (!/^[\w-]+$/.test(part)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}

function shownFile(file: string, cwd: string | undefined): string {
  if (file === '-') return '<stdin>';
  const relative = cwd === undefined ? file : path.relative(cwd, file);
  return relative.startsWith('..') ? file : relative;
}

function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
