import type { ProbeCheck } from '../../control-plane/core/spec.ts';
import { http } from '../../control-plane/node-http.ts';
import { describeHttpError } from '../http-exchange.ts';
import { answeredStatus } from './http-status.ts';
import { authorityOf, failed, PASSED, type ProbeAddress, type ProbeResult } from './result.ts';

type HttpCheck = Extract<ProbeCheck, { kind: 'http' }>;

/**
 * One GET on a connection of its own, as a new client would come: a kept connection would hide a server that no longer
 * accepts, and may be closed by the server in the moment it is used. Redirects count as success and are not followed.
 */
export async function httpProbe(check: HttpCheck, address: ProbeAddress, signal: AbortSignal): Promise<ProbeResult> {
  const authority = authorityOf(address);
  const describe = (problem: string) => failed(`GET http://${authority}${check.path}: ${problem}`);
  try {
    const status = await answeredStatus(address, requestOf(check, authority), signal);
    switch (check.expect) {
      case 'answer':
        return PASSED;
      case 'available':
        return NOT_NOW.has(status) ? describe(`status ${status} (not now)`) : PASSED;
      case 'success':
        return status >= 200 && status < 400 ? PASSED : describe(`status ${status}, expected 200-399`);
      default:
        return check.expect satisfies never;
    }
  } catch (error) {
    return describe(describeHttpError(error));
  }
}

/**
 * What servers answer while they load, and proxies while nobody is behind them (RFC 9110, 15.6.3 to 15.6.5). Any other status,
 * 500 included, is what a server that works may say at a path that means nothing to it.
 */
const NOT_NOW: ReadonlySet<number> = new Set([502, 503, 504]);

/** The same bytes each time, for weeks: made once for a check, and again where the address has changed. */
const requests = new WeakMap<HttpCheck, { readonly authority: string; readonly text: string }>();

function requestOf(check: HttpCheck, authority: string): string {
  const known = requests.get(check);
  if (known?.authority === authority) return known.text;
  const text = headOf(check, authority);
  requests.set(check, { authority, text });
  return text;
}

/** Throws a TypeError where the path or a header holds what a request may not: line ends, for one. */
function headOf({ path, headers }: HttpCheck, authority: string): string {
  if (!/^[\x21-\xff]+$/.test(path))
    throw new TypeError('the path contains characters that are not allowed in a request');
  const fields = new Map([
    ['host', ['Host', authority]],
    ['user-agent', ['User-Agent', 'outrigger-probe']],
  ]);
  for (const [name, value] of Object.entries(headers)) {
    http.validateHeaderName(name);
    http.validateHeaderValue(name, value);
    fields.set(name.toLowerCase(), [name, value]);
  }
  fields.set('connection', ['Connection', 'close']);
  const lines = [...fields.values()].map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
