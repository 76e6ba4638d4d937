import { OutriggerError } from '../control-plane/core/errors.ts';

/** Longest line that a stream of the control plane may send, in characters. */
const MAX_LINE_CHARS = 16 * 1024 * 1024;

/** Lines of a UTF-8 byte stream, without their ends (`\n`, `\r\n`); a last line without an end counts too. */
export async function* streamLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n', start)) {
      yield rest.slice(start, rest[end - 1] === '\r' && end > start ? end - 1 : end);
      start = end + 1;
    }
    rest = rest.slice(start);
    if (rest.length > MAX_LINE_CHARS) {
      throw new OutriggerError('internal', `The control plane sent a line of more than ${MAX_LINE_CHARS} characters.`);
    }
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

export interface ServerSentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** Server-sent events of a byte stream, as the HTML standard reads them; comments (heartbeats) are left out. */
export async function* serverSentEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let event = 'message';
  let id = '';
  let data: string[] = [];
  for await (const line of streamLines(bytes)) {
    if (line === '') {
      if (data.length > 0) yield { event, id, data: data.join('\n') };
      event = 'message';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id') id = value;
  }
}
