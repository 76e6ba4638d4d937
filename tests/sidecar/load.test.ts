import test from 'ava';
import { type LoadReading, loadIn } from '../../sidecar/load.ts';

const row = test.macro({
  exec: (t, text: string, inFlight: number | undefined, counted?: number) => {
    const expected = counted === undefined ? { inFlight } : { inFlight, counted };
    t.deepEqual(loadIn(text), inFlight === undefined ? undefined : (expected as LoadReading));
  },
  title: (name = '') => `load: ${name}`,
});

test(
  'llama.cpp: what runs and what is deferred',
  row,
  'llamacpp:requests_processing 2\nllamacpp:requests_deferred 5\n',
  7,
);
test(
  'vLLM: over all its labels',
  row,
  'vllm:num_requests_running{e="0"} 1.0\nvllm:num_requests_running{e="1"} 2.0\nvllm:num_requests_waiting{e="0",x="a } b"} 4',
  7,
);
test('zero is a load', row, 'sglang:num_running_reqs 0\n', 0);
test('other metrics are none', row, 'process_cpu_seconds_total 12\nvllm:num_requests_running_total 9\n', undefined);
test(
  'comments, NaN and timestamps',
  row,
  '# HELP tgi_queue_size x 9\ntgi_queue_size 3 1700000000000\ntgi_batch_current_size NaN\n',
  3,
);
test('garbage', row, '\u0000\u0001 tgi_queue_size\n{}}} 12', undefined);
test(
  'requests that came and went are counted, by whatever grows with them',
  row,
  'vllm:num_requests_running 0\nvllm:request_success_total{finished_reason="stop"} 3\nvllm:prompt_tokens_total 40\n',
  0,
  43,
);
test('a count without a gauge is no load', row, 'vllm:request_success_total 3\n', undefined);
