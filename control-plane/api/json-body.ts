import type { IncomingMessage } from 'node:http';
import { OutriggerError } from '../core/errors.ts';
import type { ByteBudget } from './byte-budget.ts';
import { HttpProblem } from './http-problem.ts';
import type { ApiLimits } from './limits.ts';

/**
 * The JSON body of a request; undefined where it has none. Never holds more than the limits allow, and looks at how deep
 * and how many values the text has before it is parsed: 16 MiB of "[" would become gigabytes.
 */
export async function jsonBody(request: IncomingMessage, limits: ApiLimits, budget: ByteBudget): Promise<unknown> {
  const { headers } = request;
  const length = Number(headers['content-length'] ?? 0);
  if (length === 0 && headers['transfer-encoding'] === undefined) return undefined;
  const [mediaType = '', ...parameters] = (headers['content-type'] ?? '').split(';').map(s => s.trim().toLowerCase());
  const utf8 = parameters.every(p => !p.startsWith('charset=') || /^charset="?utf-8"?$/.test(p));
  if (mediaType !== 'application/json' || !utf8) {
    throw new HttpProblem(
      415,
      `expected a body of type application/json in UTF-8, found ${headers['content-type'] ?? 'no content-type'}`,
    );
  }
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
    throw new HttpProblem(415, `compressed bodies are not taken (content-encoding: ${headers['content-encoding']})`, {
      next: 'Send the body as it is.',
    });
  }
  if (length > limits.bodyBytes) throw tooLarge(limits.bodyBytes);

  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limits.bodyBytes) throw tooLarge(limits.bodyBytes);
      budget.take(chunk.length);
      chunks.push(chunk);
    }
    return parseJson(Buffer.concat(chunks), limits);
  } finally {
    budget.giveBack(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  }
}

function parseJson(bytes: Buffer, limits: ApiLimits): unknown {
  checkShape(bytes, limits);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new OutriggerError('invalid_argument', `the body is not JSON: ${(error as Error).message}`, {
      next: 'Send one JSON object in UTF-8.',
    });
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

function checkShape(bytes: Buffer, { jsonDepth, jsonValues }: ApiLimits): void {
  let depth = 0;
  let values = 1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      // Native search between quotes: most of a large body is long strings.
      i = bytes.indexOf(QUOTE, i + 1);
      while (i !== -1 && escaped(bytes, i)) i = bytes.indexOf(QUOTE, i + 1);
      if (i === -1) return;
    } else if (OPEN.has(byte)) {
      values++;
      if (++depth > jsonDepth) throw tooComplex(`nests deeper than ${jsonDepth} levels`);
    } else if (CLOSE.has(byte)) depth--;
    else if (byte === COMMA && ++values > jsonValues) throw tooComplex(`has more than ${jsonValues} values`);
  }
}

/** An odd number of backslashes stands before it. */
function escaped(bytes: Buffer, at: number): boolean {
  let backslashes = 0;
  while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

function tooComplex(how: string): OutriggerError {
  return new OutriggerError('invalid_argument', `the body ${how}`, { next: 'Send fewer or flatter specifications.' });
}

function tooLarge(limit: number): HttpProblem {
  return new HttpProblem(413, `the body is larger than ${limit} bytes`, {
    next: 'Mount large files, or put them into the image, instead of sending them with the specification.',
    headers: { connection: 'close' },
  });
}
