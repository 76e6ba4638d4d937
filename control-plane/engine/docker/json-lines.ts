import { StringDecoder } from 'node:string_decoder';
import { OutriggerError } from '../../core/errors.ts';

/** The JSON values of a stream that has one a line. Lines and characters may be cut anywhere between two chunks. */
export async function* jsonLines(stream: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.write(chunk);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield parse(line);
    if (rest.length > MAX_LINE_CHARACTERS)
      throw new OutriggerError('unavailable', 'The engine sent a line without an end');
  }
  rest += decoder.end();
  if (rest.trim() !== '') yield parse(rest);
}

const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new OutriggerError('unavailable', `The engine sent something that is not JSON: ${line.slice(0, 200)}`, {
      cause,
    });
  }
}
