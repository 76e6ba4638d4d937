import { Client, errors } from 'undici';
import type { ProbeCheck } from '../../control-plane/core/spec.ts';
import { authorityOf, describeSocketError, failed, PASSED, type ProbeAddress, type ProbeResult } from './result.ts';

type HttpCheck = Extract<ProbeCheck, { kind: 'http' }>;

/**
 * One GET on a connection of its own, as a new client would come: a kept connection would hide a server that no longer
 * accepts, and may be closed by the server in the moment it is used. Redirects count as success and are not followed.
 */
export async function httpProbe(check: HttpCheck, address: ProbeAddress, signal: AbortSignal): Promise<ProbeResult> {
  const what = `GET http://${authorityOf(address)}${check.path}`;
  const client = new Client(`http://${authorityOf(address)}`, { headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });
  try {
    const { statusCode, body } = await client.request({
      method: 'GET',
      path: check.path,
      headers: { 'user-agent': 'outrigger-probe', ...check.headers },
      reset: true,
      signal,
    });
    // The status decides; what of the body is still to come goes away with the connection.
    body.on('error', () => undefined);
    body.destroy();
    if (check.expect === 'answer' || (statusCode >= 200 && statusCode < 400)) return PASSED;
    return failed(`${what}: status ${statusCode}, expected 200-399`);
  } catch (error) {
    return failed(`${what}: ${describeHttpError(error)}`);
  } finally {
    void client.destroy().catch(() => undefined);
  }
}

/** What undici threw, in words. */
export function describeHttpError(error: unknown): string {
  if (error instanceof errors.HTTPParserError) return 'the answer is not HTTP/1.1; is the protocol right?';
  return describeSocketError(error);
}
