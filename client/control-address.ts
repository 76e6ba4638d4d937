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

/** Reads `unix:///path`, an absolute path, `http://host:port`, `https://host:port` or `host:port`. */
export function parseControlAddress(text: string): ControlAddress {
  const socket = /^(?:unix:(?:\/\/)?)?(\/.+)$/.exec(text)?.[1];
  if (socket !== undefined) return { kind: 'unix', path: socket };
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  const plain = url && url.hostname !== '' && /^\/?$/.test(url.pathname) && url.search === '' && url.username === '';
  if (!plain || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new DiscoveryError('invalid_argument', `"${text}" is not an address of a control plane.`, {
      next: 'Expected unix:///path/control.sock, http://127.0.0.1:7470 or https://host:7470.',
    });
  }
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? impliedPort(text, secure) : Number(url.port);
  return { kind: 'tcp', secure, host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

export function formatControlAddress(address: ControlAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.secure ? 'https' : 'http'}://${host}:${address.port}`;
}

/** A URL drops the port that its scheme implies, even where it was written out. */
function impliedPort(text: string, secure: boolean): number {
  const written = secure ? 443 : 80;
  return new RegExp(`:${written}/?$`).test(text) ? written : DEFAULT_PORT;
}
