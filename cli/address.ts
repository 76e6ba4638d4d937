import { DiscoveryError } from '../client/client-error.ts';
import { type ControlAddress, parseControlAddress } from '../client/control-address.ts';
import { OutriggerError } from '../control-plane/core/errors.ts';

export {
  type ControlAddress,
  DEFAULT_PORT,
  formatControlAddress as formatAddress,
  hostAndPort,
} from '../client/control-address.ts';

/** Reads an address as every client of a control plane does. Throws `invalid_argument`. */
export function parseAddress(text: string): ControlAddress {
  return translated(() => parseControlAddress(text));
}

/** What the client package refuses, as an error of this program. */
export function translated<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DiscoveryError) || error.code === 'closed') throw error;
    const { code, problem, next, cause } = error;
    throw new OutriggerError(code, problem, { ...(next !== undefined && { next }), cause });
  }
}
