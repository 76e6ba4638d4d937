import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** One of the process's two output streams, as commands write to it. */
export interface Output {
  readonly isTerminal: boolean;
  /** Columns that a line may take; Infinity where it goes into a file or a pipe. */
  width(): number;
  write(text: string): void;
  line(text?: string): void;
  json(value: unknown): void;
  /** Coloured only on a terminal, and not with NO_COLOR. */
  style(style: Style, text: string): string;
  /** Resolves once what was written has been taken. */
  drained(): Promise<void>;
}

/**
 * Wraps a stream. `onGone` is called once when it takes nothing more, and later writes go nowhere: without an error for a
 * reader that went away (`outrigger logs | head`), with one where what was written is lost (a full disk).
 */
export function streamOutput(
  stream: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv,
  onGone: (lost?: NodeJS.ErrnoException) => void,
): Output {
  let gone = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (gone) return;
    gone = true;
    const isReaderGone = error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
    onGone(isReaderGone ? undefined : error);
  });
  const write = (text: string) => {
    if (!gone) stream.write(text);
  };
  const isTerminal = stream.isTTY === true;
  return {
    isTerminal,
    width: () => (isTerminal ? stream.columns || 80 : (positiveInteger(environment['COLUMNS']) ?? Infinity)),
    write,
    line: (text = '') => write(`${text}\n`),
    json: value => write(`${JSON.stringify(value)}\n`),
    style: (style, text) => styleText(style, text, { stream }),
    drained: () =>
      new Promise(resolve => {
        if (gone || stream.writableLength === 0) resolve();
        else stream.write('', () => resolve());
      }),
  };
}

function positiveInteger(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value > 0 ? value : undefined;
}
