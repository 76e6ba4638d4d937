import type { Warmup } from '../control-plane/core/spec.ts';
import type { Clock } from '../control-plane/ports.ts';
import { EXPIRED, withDeadline } from './deadline.ts';
import { describeHttpError, exchange } from './http-exchange.ts';
import { authorityOf, type ProbeAddress } from './probes/result.ts';

/** `broken`: the connection could not be made or was lost; `late`: no full answer within the deadline. */
export type WarmupResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'broken'; readonly message: string }
  | { readonly kind: 'late'; readonly message: string };

/**
 * Sends the warm-up request once and reads its answer to the end, so that the first caller finds a model that has
 * computed before. The next address is tried only where nothing could be sent to the one before.
 */
export async function warmUp(
  warmup: Warmup,
  addresses: readonly ProbeAddress[],
  clock: Clock,
  signal: AbortSignal,
): Promise<WarmupResult> {
  const { method, path } = warmup.http;
  const attempt = async (inner: AbortSignal): Promise<WarmupResult> => {
    let result = failure('failed', 'the container has no address for that port');
    for (const address of addresses) {
      const url = `http://${authorityOf(address)}${path}`;
      try {
        const { statusCode, excerpt } = await send(warmup, address, inner);
        if (statusCode >= 200 && statusCode < 300) return { kind: 'done' };
        const said = excerpt === '' ? '' : `: ${excerpt}`;
        return failure('failed', `${method} ${url} answered status ${statusCode}, expected 200-299${said}`);
      } catch (error) {
        result = failure(isAnswer(error) ? 'failed' : 'broken', `${method} ${url}: ${describeHttpError(error)}`);
        if (!couldNotConnect(error)) break;
      }
    }
    return result;
  };
  const result = await withDeadline(attempt, { clock, timeoutMs: warmup.deadlineMs, signal });
  if (result !== EXPIRED) return result;
  return failure('late', `${method} ${path} had no full answer within ${warmup.deadlineMs} ms`);
}

function failure(kind: 'failed' | 'broken' | 'late', problem: string): WarmupResult {
  return { kind, message: `warm-up: ${problem}` };
}

/** Something came back that is no HTTP. */
function isAnswer(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('HPE_');
}

const EXCERPT_BYTES = 2_048;

async function send(
  warmup: Warmup,
  address: ProbeAddress,
  signal: AbortSignal,
): Promise<{ statusCode: number; excerpt: string }> {
  const { method, path, headers, body } = warmup.http;
  const response = await exchange(
    address,
    {
      method,
      path,
      headers: {
        'user-agent': 'outrigger-warm-up',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    },
    signal,
  );
  const kept: Buffer[] = [];
  let keptBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (keptBytes < EXCERPT_BYTES) kept.push(chunk);
    keptBytes += chunk.length;
  }
  const excerpt = Buffer.concat(kept).subarray(0, EXCERPT_BYTES).toString('utf8').trim();
  return { statusCode: response.statusCode ?? 0, excerpt };
}

function couldNotConnect(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'].includes(code);
}
