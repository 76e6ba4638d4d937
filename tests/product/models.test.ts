import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { close, createFetch } from '../../client/index.ts';
import { until } from '../until.ts';
import { DigitsClient, EXAMPLES } from './example-clients.ts';
import { OutriggerCommand, output } from './outrigger-command.ts';

/** The demo's models, brought up from their Compose file as a person does, and called by everything that may call them. */
const ROOT = path.join(import.meta.dirname, '../..');
const PYTHON = path.join(ROOT, 'python-sdk-example/.venv/bin/python');
const PROJECT = 'models-test';
const FILE = ['-f', path.join(ROOT, 'compose/demo.yaml'), '-p', PROJECT];

let outrigger: OutriggerCommand;

test.before(async t => {
  t.timeout(150_000);
  outrigger = await OutriggerCommand.open();
  process.env['OUTRIGGER_STATE'] = outrigger.environment['OUTRIGGER_STATE'];
  await outrigger.must('up', '-d', ...FILE);
});

test.after.always(async t => {
  t.timeout(60_000);
  close();
  await outrigger.dispose();
});

interface Row {
  readonly digit: number;
  readonly pixels: readonly number[];
}

async function heldOut(): Promise<Row[]> {
  const csv = await readFile(path.join(EXAMPLES, 'digits/held_out.csv'), 'utf8');
  return csv
    .trim()
    .split('\n')
    .map(line => {
      const [digit = -1, ...pixels] = line.split(',').map(Number);
      return { digit, pixels };
    });
}

/** Classifies all rows, several at a time. Rejects when a call fails. */
async function classify(client: DigitsClient, rows: readonly Row[]) {
  const replicas = new Set<string>();
  let correct = 0;
  const left = rows[Symbol.iterator]();
  const worker = async () => {
    for (const row of left) {
      const answer = await client.classify(row.pixels);
      replicas.add(answer.replica);
      if (answer.digit === row.digit) correct += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return { accuracy: correct / rows.length, replicas: replicas.size };
}

async function python(): Promise<{ answers: number; failed: number; accuracy: number; replicas: object }> {
  const plain = await outrigger.must('resolve', '-p', PROJECT, 'digits', '--plain');
  const targets = plain.trim().split('\n');
  const env = { ...outrigger.environment, PYTHONPATH: EXAMPLES };
  return JSON.parse(await output(PYTHON, ['-m', 'digits.call', ...targets], { env }));
}

test.serial('every held-out image is classified from TypeScript, by both replicas', async t => {
  const rows = await heldOut();
  t.true(rows.length > 400);
  const client = new DigitsClient(`outrigger:///${PROJECT}/digits`);
  const { accuracy, replicas } = await classify(client, rows);
  client.close();
  t.true(accuracy > 0.95, `accuracy ${accuracy}`);
  t.is(replicas, 2);
});

test.serial('every held-out image is classified by a stock Python client that is given addresses', async t => {
  t.timeout(120_000);
  const { answers, failed, accuracy, replicas } = await python();
  t.is(answers, (await heldOut()).length);
  t.is(failed, 0);
  t.true(accuracy > 0.95, `accuracy ${accuracy}`);
  t.is(Object.keys(replicas).length, 2);
});

test.serial('no request passes through the control plane: calls go on while its process is stopped', async t => {
  t.timeout(120_000);
  const client = new DigitsClient(`outrigger:///${PROJECT}/digits`);
  const rows = await heldOut();
  await classify(client, rows.slice(0, 2));
  const fetch = createFetch();
  await chat(fetch, { maxTokens: 1 });
  const pid = (await outrigger.controlPlane())?.pid ?? -1;
  process.kill(pid, 'SIGSTOP');
  try {
    await until('the process is stopped', async () => /\) T /.test(await readFile(`/proc/${pid}/stat`, 'utf8')));
    const { accuracy, replicas } = await classify(client, rows);
    t.true(accuracy > 0.95, `accuracy ${accuracy}`);
    t.is(replicas, 2);
    t.true((await chat(fetch, { maxTokens: 8 })).pieces.length > 1);
  } finally {
    process.kill(pid, 'SIGCONT');
    client.close();
    await fetch.close();
  }
});

test.serial('the LLM server was warmed up before it was ready', async t => {
  const llm = (await outrigger.services(PROJECT)).find(service => service.name === 'llm');
  const order = llm?.replicas[0]?.timings.map(({ phase }) => phase) ?? [];
  t.deepEqual(order.slice(-3), ['starting', 'warming', 'ready']);
  const { address } = await llmAddress();
  const metrics = await (await globalThis.fetch(`http://${address}/metrics`)).text();
  t.true(Number(/^llamacpp:prompt_tokens_total (\d+)/m.exec(metrics)?.[1]) > 0, metrics);
});

test.serial('the LLM server answers OpenAI requests by its service name', async t => {
  const fetch = createFetch({ service: `${PROJECT}/llm`, retry: 'always' });
  const completion = await fetch('http://llm/v1/completions', json({ model: 'tiny', prompt: 'Hello', max_tokens: 5 }));
  t.is(completion.status, 200);
  const answer = (await completion.json()) as { choices: { text: string }[]; usage: { completion_tokens: number } };
  t.is(typeof answer.choices[0]?.text, 'string');
  t.is(answer.usage.completion_tokens, 5);
  const models = (await (await fetch('http://llm/v1/models')).json()) as { data: { id: string }[] };
  t.deepEqual(
    models.data.map(({ id }) => id),
    ['tiny'],
  );
  await fetch.close();
});

test.serial('the LLM server streams its answer piece by piece', async t => {
  const fetch = createFetch();
  const { pieces, reads } = await chat(fetch, { maxTokens: 2_000 });
  t.true(pieces.length >= 1_000, `${pieces.length} pieces`);
  t.true(reads >= 2, `${reads} parts came before the end`);
  await fetch.close();
});

test.serial('the LLM server answers the stock fetch at the address that resolve prints', async t => {
  const { address } = await llmAddress();
  const response = await globalThis.fetch(
    `http://${address}/v1/chat/completions`,
    json({ model: 'tiny', max_tokens: 3, messages: [{ role: 'user', content: 'Say something.' }] }),
  );
  const answer = (await response.json()) as { choices: { message: { role: string } }[] };
  t.is(answer.choices[0]?.message.role, 'assistant');
});

test.serial('down leaves nothing', async t => {
  await outrigger.must('down', ...FILE);
  t.deepEqual(await outrigger.left(), { containers: [], networks: [] });
});

async function llmAddress(): Promise<{ address: string }> {
  return { address: (await outrigger.must('resolve', '-p', PROJECT, 'llm', '--plain')).trim() };
}

function json(body: object): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** A streamed chat completion; resolves to its pieces, and to how many reads came before the one that ended it. */
async function chat(fetch: ReturnType<typeof createFetch>, { maxTokens }: { maxTokens: number }) {
  const messages = [{ role: 'user', content: 'Say something.' }];
  const response = await fetch(
    `http://llm.${PROJECT}.outrigger/v1/chat/completions`,
    json({ model: 'tiny', stream: true, max_tokens: maxTokens, messages }),
  );
  if (!response.ok || !response.body) throw new Error(`the LLM server answered ${response.status}`);
  const decoder = new TextDecoder();
  let text = '';
  let reads = 0;
  for await (const part of response.body) {
    text += decoder.decode(part as Uint8Array, { stream: true });
    if (!text.includes('[DONE]')) reads += 1;
  }
  const pieces = text
    .split('\n')
    .filter(line => line.startsWith('data: {'))
    .map(line => JSON.parse(line.slice('data: '.length)).choices[0]?.delta?.content ?? '');
  return { pieces, reads };
}
