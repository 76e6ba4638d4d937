/** What one probe found. `unknown` neither passes nor fails: nothing was learnt, so nothing may be concluded. */
export type ProbeResult =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string };

export const PASSED: ProbeResult = { kind: 'passed' };

export function failed(message: string): ProbeResult {
  return { kind: 'failed', message };
}

/** Where a probe connects to. */
export interface ProbeAddress {
  readonly host: string;
  readonly port: number;
  /** The engine forwards a port of the host; something may accept there although nobody listens in the container. */
  readonly forwarded: boolean;
}

/** `host:port`, with brackets around an IPv6 address. */
export function authorityOf(address: { host: string; port: number }): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** A socket error in words, the same each time it happens: a changed text counts as news. */
export function describeSocketError(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && code in SOCKET_ERRORS) return SOCKET_ERRORS[code] as string;
  return error instanceof Error && error.message !== '' ? error.message : String(code ?? error);
}

const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; nothing listens there yet',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  EHOSTUNREACH: 'no route to that address',
  ENETUNREACH: 'no route to that network',
  ENOTFOUND: 'that host name is not known',
  EADDRNOTAVAIL: 'no local port is free to connect from',
};
