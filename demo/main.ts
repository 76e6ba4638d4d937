import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DigitsCaller } from './digits-caller.ts';
import { LlmCaller } from './llm-caller.ts';
import { outrigger, outriggerJson, read } from './outrigger-command.ts';
import { Story } from './story.ts';

/**
 * The main job, shown and checked: two models come up, are called directly from TypeScript and from Python, the control
 * plane is killed and comes back, and in the end nothing is left. Whatever is claimed is checked; a claim that does not
 * hold ends the demo with a non-zero status.
 */
const FILE = 'compose/demo.yaml';
const ROOT = path.join(import.meta.dirname, '..');
const PYTHON = path.join(ROOT, 'python-sdk-example/.venv/bin/python');
const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-demo-'));
// A control plane of the demo's own: one that you may be running is not touched, and nothing stays behind.
process.env['OUTRIGGER_STATE'] = folder;
const environment = process.env;
const story = new Story();

interface Replica {
  readonly id: string;
  readonly phase: string;
  readonly containerId: string;
  readonly attempt: number;
  readonly timings: readonly { readonly phase: string; readonly enteredAtMs: number }[];
}
interface Service {
  readonly name: string;
  readonly state: string;
  readonly replicas: readonly Replica[];
}

let cleanedUp = false;
try {
  await play();
  story.end();
} catch (error) {
  console.error(`\nThe demo failed: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  if (!cleanedUp) {
    await outrigger(['down', '-f', FILE], environment).catch(error => {
      process.exitCode = 1;
      console.error(`What the demo started may run on: ${error instanceof Error ? error.message : error}`);
    });
  }
  await rm(folder, { recursive: true, force: true });
}
// A connection that grpc-js was making to a replica that is gone by now outlasts its channel, until the system gives it up.
process.exit();

async function play(): Promise<void> {
  story.step(`outrigger up -d -f ${FILE}: a Python model with two replicas, and an LLM server as it comes`);
  await outrigger(['up', '-d', '-f', FILE], environment);
  const before = await services();
  story.check(
    before.every(s => s.state === 'ready'),
    'both services are ready',
  );

  story.step('Where they are, and how long each phase of their start took');
  await outrigger(['ps', '-f', FILE], environment);
  for (const service of before) for (const replica of service.replicas) story.tell(timingsOf(service.name, replica));

  story.step('Calls from TypeScript, straight to the containers');
  await using digits = await DigitsCaller.open();
  const first = await digits.classify(60);
  story.tell(`digits: ${first.correct} of ${first.calls} held-out images read rightly, by ${first.replicas} replicas`);
  story.check(first.failed === 0 && first.correct / first.calls > 0.9, 'no call failed, more than 90 % were right');
  story.check(first.replicas === 2, 'both replicas answered');
  await using llm = new LlmCaller();
  const answer = await llm.chat('Say something.');
  story.tell(`llm: ${answer.chunks} streamed pieces, from POST /v1/chat/completions`);
  story.check(answer.chunks > 1, 'the LLM server streamed its answer');

  story.step('Both from Python, by their addresses alone: a stock gRPC client, and urllib');
  const fromPython = await python<{ failed: number; accuracy: number }>(
    '-m',
    'digits.call',
    ...(await addresses('digits')),
  );
  story.tell(`digits: ${JSON.stringify(fromPython)}`);
  story.check(fromPython.failed === 0 && fromPython.accuracy > 0.9, 'no call failed, more than 90 % were right');
  const [llmAddress = ''] = await addresses('llm');
  const chatted = await python<{ pieces: number }>(path.join(ROOT, 'demo/chat.py'), llmAddress, 'Say something.');
  story.tell(`llm: ${chatted.pieces} streamed pieces`);
  story.check(chatted.pieces > 1, 'the LLM server streamed its answer');

  story.step('kill -9 on the control plane, and calls all the while');
  const { pid } = await status();
  await using calls = digits.keepCalling();
  process.kill(pid, 'SIGKILL');
  story.tell(`process ${pid} killed`);
  const afterKill = await digits.classify(60);
  story.check(afterKill.failed === 0, `${afterKill.calls} calls without a control plane, none failed`);
  const without = await llm.chat('Say something else.');
  story.check(without.chunks > 1, 'the LLM server streamed another answer meanwhile');

  story.step('outrigger up again: the control plane returns to the containers that ran on');
  await outrigger(['up', '-d', '-f', FILE], environment);
  const after = await services();
  const counted = await calls.stop();
  story.check(counted.failed === 0, `${counted.calls} calls went through meanwhile, none failed`);
  const same = JSON.stringify(identities(before)) === JSON.stringify(identities(after));
  for (const line of identities(after)) story.tell(line);
  story.check(same, 'the same containers as before, none restarted');

  story.step(`outrigger down -f ${FILE}: everything drained and removed`);
  const { instance } = await status();
  await outrigger(['down', '-f', FILE], environment);
  cleanedUp = true;
  const docker = (...args: string[]) => read('docker', args, environment);
  const label = `label=dev.outrigger.instance=${instance}`;
  story.check((await docker('ps', '-aq', '--filter', label)).trim() === '', 'no container is left');
  story.check((await docker('network', 'ls', '-q', '--filter', label)).trim() === '', 'no network is left');
}

async function services(): Promise<readonly Service[]> {
  const { services: all } = await outriggerJson<{ services: readonly Service[] }>(['ps', '-f', FILE], environment);
  return all;
}

async function status(): Promise<{ pid: number; instance: string }> {
  const { controlPlane } = await outriggerJson<{ controlPlane: { pid: number; instance: string } }>(
    ['version'],
    environment,
  );
  return controlPlane;
}

async function addresses(service: string): Promise<string[]> {
  const plain = await read(path.join(ROOT, 'bin/outrigger'), ['resolve', '-f', FILE, service, '--plain'], environment);
  return plain.trim().split('\n');
}

/** Runs a program of the Python example's environment that prints one JSON value. */
async function python<T>(...args: string[]): Promise<T> {
  const examples = path.join(ROOT, 'python-sdk-example/examples');
  return JSON.parse(await read(PYTHON, args, { ...environment, PYTHONPATH: examples }));
}

function identities(all: readonly Service[]): string[] {
  return all
    .flatMap(s => s.replicas.map(r => `${s.name} ${r.id} ${r.containerId.slice(0, 12)} start ${r.attempt}`))
    .sort();
}

/** Such as `digits x1y2z3a4: pulling 5 ms, creating 120 ms, starting 800 ms`. */
function timingsOf(service: string, { id, timings }: Replica): string {
  const spans = timings
    .slice(0, -1)
    .map((t, i) => `${t.phase} ${(timings[i + 1]?.enteredAtMs ?? 0) - t.enteredAtMs} ms`);
  return `${service} ${id}: ${spans.join(', ')}`;
}
