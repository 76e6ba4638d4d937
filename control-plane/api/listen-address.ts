import { isIP } from 'node:net';
import { OutriggerError } from '../core/errors.ts';

/** Where the API listens. Certificates are PEM texts. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      /** 0 lets the system choose. */
      readonly port: number;
      readonly tls?: ListenTls;
      /** Names that clients call it by, besides `host` and the loopback ones; checked against the Host header. */
      readonly names?: readonly string[];
    };

export interface ListenTls {
  readonly certificate: string;
  readonly key: string;
  /** Clients must show a certificate of this authority (mTLS); with tokens given too, either will do. */
  readonly clientAuthority?: string;
  /** Where the texts were read from: no container may have these files. */
  readonly files?: readonly string[];
}

/** `unix:///path`, `127.0.0.1:7470`, `[::1]:7470`, `localhost:7470`, `:7470` (loopback). */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\//, '');
    if (path.startsWith('/')) return { kind: 'unix', path };
    throw malformed(text);
  }
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]*)):(\d{1,5})$/.exec(text.replace(/^tcp:\/\//, ''));
  const port = Number(match?.[3] ?? Number.NaN);
  if (!match || !(port <= 65_535)) throw malformed(text);
  const host = match[1] ?? (match[2] || '127.0.0.1');
  if (match[1] !== undefined && isIP(host) !== 6) throw malformed(text);
  return { kind: 'tcp', host, port };
}

/** As `parseListenAddress` reads it. */
export function formatListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  return isIP(address.host) === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function malformed(text: string): OutriggerError {
  return new OutriggerError('invalid_argument', `cannot listen on ${JSON.stringify(text)}`, {
    next: 'Expected unix:///path/to/socket or host:port, such as 127.0.0.1:7470.',
  });
}
