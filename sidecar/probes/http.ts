import type { ProbeCheck } from '../../control-plane/core/spec.ts';
import { describeHttpError, exchange } from '../http-exchange.ts';
import { authorityOf, failed, PASSED, type ProbeAddress, type ProbeResult } from './result.ts';

type HttpCheck = Extract<ProbeCheck, { kind: 'http' }>;

/**
 * One GET on a connection of its own, as a new client would come: a kept connection would hide a server that no longer
 * accepts, and may be closed by the server in the moment it is used. Redirects count as success and are not followed.
 */
export async function httpProbe(check: HttpCheck, address: ProbeAddress, signal: AbortSignal): Promise<ProbeResult> {
  const what = `GET http://${authorityOf(address)}${check.path}`;
  try {
    const headers = { 'user-agent': 'outrigger-probe', ...check.headers };
    const response = await exchange(address, { method: 'GET', path: check.path, headers }, signal);
    // The status decides. A short body is let in, because breaking off costs more; a long or endless one goes away with
    // the connection.
    if (Number(response.headers['content-length']) <= SHORT_BYTES) {
      response.resume().setTimeout(STALLED_MS, () => response.destroy());
    } else {
      response.destroy();
    }
    const { statusCode = 0 } = response;
    if (check.expect === 'answer' || (statusCode >= 200 && statusCode < 400)) return PASSED;
    return failed(`${what}: status ${statusCode}, expected 200-399`);
  } catch (error) {
    return failed(`${what}: ${describeHttpError(error)}`);
  }
}

const SHORT_BYTES = 16_384;
const STALLED_MS = 1_000;
