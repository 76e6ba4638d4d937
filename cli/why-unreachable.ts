import { type ControlAddress, formatAddress } from './address.ts';

/** Why a control plane could not be spoken to, by the error of its socket, and what helps. */
export function whyUnreachable(
  address: ControlAddress,
  { code, message }: NodeJS.ErrnoException,
): { readonly problem: string; readonly next: string } {
  const where = formatAddress(address);
  const reason = code ?? message;
  const silent = `No control plane answers at ${where} (${reason}).`;
  switch (code) {
    case 'EACCES':
      return {
        problem: silent,
        next: `You may not open ${where}; run this as the user who started the control plane, or set OUTRIGGER_STATE.`,
      };
    case 'ENOENT':
    case 'ECONNREFUSED':
      return {
        problem: silent,
        next: 'Start one with "outrigger up" (embedded, for as long as something runs) or "outrigger serve".',
      };
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return {
        problem: `Who answers at ${where} shows a certificate that no authority known here has signed (${reason}).`,
        next: 'Give the authority that signed it: --tls-ca FILE, or OUTRIGGER_TLS_CA.',
      };
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return {
        problem: `The certificate of ${where} is not valid at this time (${reason}).`,
        next: 'Have it renewed, or look at the clocks of both machines.',
      };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        problem: `The certificate of ${where} is for other names: ${message}.`,
        next: 'Name the control plane in --host or OUTRIGGER_ADDRESS by one of those.',
      };
    case 'EPROTO':
      return {
        problem: `What answers at ${where} does not speak TLS as expected (${reason}).`,
        next: `If it is a control plane without TLS, it is at ${where.replace(/^https:/, 'http:')}.`,
      };
    default: {
      const isPlain = address.kind === 'tcp' && !address.secure;
      // Who waits for TLS hangs up on anything else.
      const perhaps = isPlain ? ` One that speaks TLS is at ${where.replace(/^http:/, 'https:')}.` : '';
      return {
        problem: silent,
        next: `Check the address (--host, OUTRIGGER_ADDRESS) and that the control plane runs.${perhaps}`,
      };
    }
  }
}
