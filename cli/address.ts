import path from 'node:path';
import { OutriggerError } from '../control-plane/core/errors.ts';

/** Where a control plane listens. */
export type ControlAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly secure: boolean; readonly host: string; readonly port: number };

export const DEFAULT_PORT = 7470;

/**
 * Reads `unix:///path`, an absolute path, `http://host:port`, `https://host:port` or `host:port`.
 * Throws `invalid_argument`.
 */
export function parseAddress(text: string): ControlAddress {
  if (path.isAbsolute(text)) return { kind: 'unix', path: text };
  if (text.startsWith('unix:')) {
    const rest = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (!/^\/[^/]/.test(rest)) throw notAnAddress(text);
    return { kind: 'unix', path: rest };
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') throw notAnAddress(text);
  const url = URL.parse(scheme === undefined ? `http://${text}` : text);
  if (!url || url.hostname === '' || (url.pathname !== '/' && url.pathname !== '') || url.search || url.username) {
    throw notAnAddress(text);
  }
  return {
    kind: 'tcp',
    secure: scheme === 'https',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
  };
}

export function formatAddress(address: ControlAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  return `${address.secure ? 'https' : 'http'}://${hostAndPort(address.host, address.port)}`;
}

/** `host:port`, with an IPv6 host in brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function notAnAddress(text: string): OutriggerError {
  return new OutriggerError('invalid_argument', `"${text}" is not an address of a control plane.`, {
    next: 'Give unix:///path/control.sock, http://127.0.0.1:7470 or https://host:7470.',
  });
}
