import { homedir } from 'node:os';
import path from 'node:path';
import { DiscoveryError } from './client-error.ts';

/** Where a control plane listens. */
export type ControlAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly secure: boolean; readonly host: string; readonly port: number };

export const DEFAULT_PORT = 7470;

/**
 * The chosen address, otherwise OUTRIGGER_ADDRESS, otherwise the socket in the state folder. The state folder is found
 * as the control plane finds it: OUTRIGGER_STATE, otherwise `outrigger` in XDG_STATE_HOME or ~/.local/state.
 */
export function controlAddress(environment: NodeJS.ProcessEnv, chosen?: string): ControlAddress {
  const text = chosen || environment['OUTRIGGER_ADDRESS'];
  if (text) return parseControlAddress(text);
  const state =
    environment['OUTRIGGER_STATE'] ??
    path.join(environment['XDG_STATE_HOME'] ?? path.join(homedir(), '.local', 'state'), 'outrigger');
  return { kind: 'unix', path: path.join(path.resolve(state), 'control.sock') };
}

/**
 * Reads `unix:///path`, an absolute path, `http://host:port`, `https://host:port` or `host:port`; without a port it is
 * 7470, whatever the scheme. Throws `invalid_argument`.
 */
export function parseControlAddress(text: string): ControlAddress {
  const socket = /^(?:unix:(?:\/\/)?(?=\/(?!\/)))?(\/.+)$/.exec(text)?.[1];
  if (socket !== undefined) return { kind: 'unix', path: socket };
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (!url || !isPlain(url)) {
    throw new DiscoveryError('invalid_argument', `"${text}" is not an address of a control plane.`, {
      next: 'Expected unix:///path/control.sock, http://127.0.0.1:7470 or https://host:7470.',
    });
  }
  const secure = url.protocol === 'https:';
  // A URL drops the port that its scheme implies, even where it was written out.
  const port = url.port || /:0*(80|443)\/?$/.exec(text)?.[1] || DEFAULT_PORT;
  return { kind: 'tcp', secure, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

export function formatControlAddress(address: ControlAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  return `${address.secure ? 'https' : 'http'}://${hostAndPort(address.host, address.port)}`;
}

/** `host:port`, with an IPv6 host in brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A host and at most a port; nothing that would be left out of a request. */
function isPlain({ protocol, hostname, port, pathname, search, hash, username, password }: URL): boolean {
  const isHttp = protocol === 'http:' || protocol === 'https:';
  return (
    isHttp && hostname !== '' && port !== '0' && /^\/?$/.test(pathname) && !(search || hash || username || password)
  );
}
