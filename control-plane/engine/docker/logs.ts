import { StringDecoder } from 'node:string_decoder';
import { OutriggerError } from '../../core/errors.ts';
import type { LogLine, LogOptions } from '../../ports.ts';
import type { EngineClient } from './engine-client.ts';
import { inspectContainer } from './inspect-container.ts';
import { translateError } from './translate-error.ts';

/** Log lines, oldest first. With `follow` it goes on until the container ends or the signal fires. */
export async function* readLogs(
  client: EngineClient,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const doing = `reading the log of ${containerId.slice(0, 12)}`;
  const container = await inspectContainer(client, containerId, signal);
  if (!container) throw new OutriggerError('not_found', `${doing}: there is no such container any more`);
  const stream = await client.stream(
    {
      doing,
      method: 'GET',
      path: `/containers/${containerId}/logs`,
      brief: !options.follow && (options.tail ?? Number.POSITIVE_INFINITY) <= BRIEF_LINES,
      query: {
        stdout: true,
        stderr: true,
        timestamps: true,
        follow: options.follow ?? false,
        tail: options.tail ?? 'all',
        ...(options.sinceMs !== undefined && { since: (options.sinceMs / 1_000).toFixed(3) }),
      },
    },
    signal,
  );
  try {
    yield* container.Config.Tty ? terminalLines(stream) : framedLines(stream);
    // A stream that the signal ended looks like one that came to its end.
    if (signal.aborted && !options.follow) throw new OutriggerError('timeout', `${doing} was given up`);
  } catch (error) {
    if (signal.aborted && options.follow) return;
    throw translateError(error, { doing, engine: client.address, certificates: client.certificates });
  } finally {
    stream.destroy();
  }
}

/** A longer log may be read as slowly as whoever wants it reads. */
const BRIEF_LINES = 100;

/**
 * The engine's framing: a head of eight bytes (stream, three zeros, length) before each message, and each message begins
 * with its time. A line above 16 KiB comes as several messages, of which only the last ends in a line feed.
 */
export async function* framedLines(stream: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const open = new Map<LogLine['stream'], LogLine>();
  for await (const { source, payload } of frames(stream)) {
    const { timestamp, text } = splitTimestamp(payload.toString('utf8'));
    const begun = open.get(source);
    const joined = begun ? { ...begun, text: begun.text + text } : { stream: source, timestamp, text };
    if (!text.endsWith('\n') && joined.text.length < MAX_LINE_CHARACTERS) {
      open.set(source, joined);
      continue;
    }
    open.delete(source);
    yield { ...joined, text: withoutLineEnd(joined.text) };
  }
  for (const line of open.values()) yield line;
}

/** A container with a terminal has one stream without frames. */
export async function* terminalLines(stream: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const line = (text: string): LogLine => ({ stream: 'stdout', ...trimmed(splitTimestamp(text)) });
  const trimmed = ({ timestamp, text }: { timestamp: string; text: string }) => ({
    timestamp,
    text: withoutLineEnd(text),
  });
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) yield line(text);
    if (rest.length > MAX_LINE_CHARACTERS) {
      yield line(rest);
      rest = '';
    }
  }
  if (rest !== '') yield line(rest);
}

async function* frames(stream: AsyncIterable<Buffer>): AsyncGenerator<{ source: LogLine['stream']; payload: Buffer }> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= FRAME_HEAD_BYTES) {
      const kind = rest[at] as number;
      const length = rest.readUInt32BE(at + 4);
      if (kind > 2 || length > MAX_FRAME_BYTES) {
        throw new OutriggerError('unavailable', 'The engine sent log lines in a framing that is not its own');
      }
      const end = at + FRAME_HEAD_BYTES + length;
      if (rest.length < end) break;
      yield { source: kind === 2 ? 'stderr' : 'stdout', payload: rest.subarray(at + FRAME_HEAD_BYTES, end) };
      at = end;
    }
    rest = rest.subarray(at);
  }
}

function splitTimestamp(text: string): { timestamp: string; text: string } {
  const space = text.indexOf(' ');
  return space > 0 && /^\d{4}-\d\d-\d\dT/.test(text)
    ? { timestamp: text.slice(0, space), text: text.slice(space + 1) }
    : { timestamp: '', text };
}

function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n?$/, '');
}

const FRAME_HEAD_BYTES = 8;
const MAX_FRAME_BYTES = 16 * 1024 * 1024;
const MAX_LINE_CHARACTERS = 1024 * 1024;
