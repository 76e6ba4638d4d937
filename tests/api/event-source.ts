import type { Dispatcher } from 'undici';

export interface SentEvent {
  readonly event: string;
  readonly id?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it
  readonly data: any;
}

/** Server-sent events of one response, one after the other; ends with the response. */
export async function* eventSource(
  dispatcher: Dispatcher,
  target: string,
  headers: Record<string, string> = {},
): AsyncGenerator<SentEvent> {
  const response = await dispatcher.request({
    origin: 'http://localhost',
    path: target,
    method: 'GET',
    headers: { accept: 'text/event-stream', ...headers },
  });
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${await response.body.text()}`);
  response.body.setEncoding('utf8');
  let text = '';
  for await (const chunk of response.body as AsyncIterable<string>) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const fields = Object.fromEntries(lines.map(l => [l.slice(0, l.indexOf(':')), l.slice(l.indexOf(':') + 2)]));
      if (fields['data'] === undefined) continue;
      yield {
        event: fields['event'] ?? '',
        data: JSON.parse(fields['data']),
        ...(fields['id'] === undefined ? {} : { id: fields['id'] }),
      };
    }
  }
}
