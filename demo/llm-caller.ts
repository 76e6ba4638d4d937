import { createFetch } from '../client/index.ts';

/** Speaks to an OpenAI-style server by its service name: the `fetch` finds a ready replica and calls it directly. */
export class LlmCaller implements AsyncDisposable {
  readonly #fetch = createFetch();

  /** Asks for a streamed chat completion; resolves to how many pieces came, and what they said. */
  async chat(content: string): Promise<{ chunks: number; text: string }> {
    const response = await this.#fetch('http://llm.demo.outrigger/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', stream: true, max_tokens: 12, messages: [{ role: 'user', content }] }),
    });
    if (!response.ok || !response.body) throw new Error(`the LLM server answered ${response.status}`);
    const events = (await response.text()).split('\n').filter(line => line.startsWith('data: {'));
    const pieces = events.map(line => JSON.parse(line.slice('data: '.length)).choices[0]?.delta?.content ?? '');
    return { chunks: pieces.length, text: pieces.join('') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fetch.close();
  }
}
