import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { OutriggerError } from '../core/errors.ts';
import { HttpProblem } from './http-problem.ts';

/**
 * Keeps web pages of other origins away from an API on loopback: a page can make a browser send requests here (CSRF),
 * and can point a name of its own at 127.0.0.1 to read the answers (DNS rebinding). The first shows in Origin, the
 * second in Host. `hosts`: names to accept besides loopback ones; null for a unix socket, which no browser reaches.
 */
export function checkOrigin(request: IncomingMessage, hosts: readonly string[] | null): void {
  const { headers } = request;
  const host = headers.host ?? '';
  if (hosts !== null) {
    const name = hostName(host);
    if (!isLoopbackName(name) && !hosts.includes(name)) {
      throw new HttpProblem(
        421,
        `the Host header ${JSON.stringify(host.slice(0, 256))} is not a name of this control plane`,
        {
          next: 'Call it by a loopback name, or start it with the name it is called by.',
        },
      );
    }
  }
  const origin = headers.origin;
  const scheme = request.socket instanceof TLSSocket ? 'https' : 'http';
  const site = headers['sec-fetch-site'];
  if ((origin !== undefined && origin !== `${scheme}://${host}`) || site === 'cross-site' || site === 'same-site') {
    throw new OutriggerError('denied', 'requests from web pages of another origin are refused', {
      next: 'Call the API from a program instead of a page.',
    });
  }
}

/** Host name of a Host header, lower-case, without port and brackets. */
export function hostName(host: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@?#\s]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase();
}

export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name);
}
