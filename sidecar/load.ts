import type { Clock } from '../control-plane/ports.ts';
import { EXPIRED, withDeadline } from './deadline.ts';
import { exchange } from './http-exchange.ts';
import type { ProbeAddress } from './probes/result.ts';

/**
 * Requests that a model server runs or holds now, from its Prometheus text at /metrics. Undefined where it has none, or
 * none of the names that are known here (llama.cpp, vLLM, SGLang, Text Generation Inference).
 */
export async function readLoad(address: ProbeAddress, clock: Clock, signal: AbortSignal): Promise<number | undefined> {
  const text = await withDeadline(inner => fetchMetrics(address, inner), { clock, timeoutMs: 1_000, signal }).catch(
    error => {
      if (signal.aborted) throw error;
      return undefined;
    },
  );
  return text === undefined || text === EXPIRED ? undefined : requestsInFlight(text);
}

/** The sum over all label sets of the gauges that count requests; undefined where there is none of them. */
export function requestsInFlight(prometheusText: string): number | undefined {
  let sum: number | undefined;
  for (const line of prometheusText.split('\n')) {
    const match = SAMPLE.exec(line);
    if (!match || !GAUGES.has(match[1]!)) continue;
    const value = Number(match[2]);
    if (Number.isFinite(value)) sum = (sum ?? 0) + value;
  }
  return sum;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{.*\})?[ \t]+(\S+)/;

/** As the servers' own documentation names them: what runs, and what waits to run. */
const GAUGES: ReadonlySet<string> = new Set([
  'llamacpp:requests_processing',
  'llamacpp:requests_deferred',
  'vllm:num_requests_running',
  'vllm:num_requests_waiting',
  'sglang:num_running_reqs',
  'sglang:num_queue_reqs',
  'tgi_batch_current_size',
  'tgi_queue_size',
]);

const MAX_METRICS_BYTES = 1024 * 1024;

async function fetchMetrics(address: ProbeAddress, signal: AbortSignal): Promise<string | undefined> {
  const response = await exchange(address, { method: 'GET', path: '/metrics', headers: {} }, signal);
  try {
    if (response.statusCode !== 200) return undefined;
    const chunks: Buffer[] = [];
    let receivedBytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      receivedBytes += chunk.length;
      if (receivedBytes > MAX_METRICS_BYTES) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    response.destroy();
  }
}
