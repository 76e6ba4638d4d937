import type { Clock } from '../control-plane/ports.ts';
import { EXPIRED, withDeadline } from './deadline.ts';
import { exchange } from './http-exchange.ts';
import type { ProbeAddress } from './probes/result.ts';

/** What a replica says of its load at one moment. */
export interface LoadReading {
  /** Requests that it runs or holds. */
  readonly inFlight: number;
  /**
   * Grows with every request, in whatever unit: what came and went between two readings shows in nothing else. Absent where
   * it counts none.
   */
  readonly counted?: number;
}

/**
 * The load of a model server, from its Prometheus text at /metrics. Undefined where it has none, or none of the names that
 * are known here (llama.cpp, vLLM, SGLang, Text Generation Inference).
 */
export async function readLoad(
  address: ProbeAddress,
  clock: Clock,
  signal: AbortSignal,
): Promise<LoadReading | undefined> {
  const text = await withDeadline(inner => fetchMetrics(address, inner), { clock, timeoutMs: 1_000, signal }).catch(
    error => {
      if (signal.aborted) throw error;
      return undefined;
    },
  );
  return text === undefined || text === EXPIRED ? undefined : loadIn(text);
}

/** Each the sum over all label sets; undefined where no gauge counts requests. */
export function loadIn(prometheusText: string): LoadReading | undefined {
  let inFlight: number | undefined;
  let counted: number | undefined;
  for (const line of prometheusText.split('\n')) {
    const match = SAMPLE.exec(line);
    const value = Number(match?.[2]);
    if (!match || !Number.isFinite(value)) continue;
    if (GAUGES.has(match[1]!)) inFlight = (inFlight ?? 0) + value;
    if (COUNTERS.has(match[1]!)) counted = (counted ?? 0) + value;
  }
  if (inFlight === undefined) return undefined;
  return counted === undefined ? { inFlight } : { inFlight, counted };
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

/** As documented too: requests, or the tokens and steps that none goes without. */
const COUNTERS: ReadonlySet<string> = new Set([
  'llamacpp:prompt_tokens_total',
  'llamacpp:tokens_predicted_total',
  'llamacpp:n_decode_total',
  'vllm:request_success_total',
  'vllm:prompt_tokens_total',
  'vllm:generation_tokens_total',
  'sglang:num_requests_total',
  'sglang:prompt_tokens_total',
  'sglang:generation_tokens_total',
  'tgi_request_count',
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
