import { readFileSync } from 'node:fs';
import { DiscoveryError } from './client-error.ts';

/** What a control plane beyond this machine asks for. */
export interface Credentials {
  readonly token?: string;
  /** PEM texts. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/**
 * OUTRIGGER_TOKEN or OUTRIGGER_TOKEN_FILE, and OUTRIGGER_TLS_CA, OUTRIGGER_TLS_CERT, OUTRIGGER_TLS_KEY (files). Read anew
 * for each connection, so that rotated ones are taken up.
 */
export function credentialsOf(environment: NodeJS.ProcessEnv): Credentials {
  const read = (variable: string) => {
    const file = environment[variable];
    if (!file) return undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      throw new DiscoveryError('invalid_argument', `${variable} names ${file}, which cannot be read.`, { cause });
    }
  };
  const token = (read('OUTRIGGER_TOKEN_FILE') ?? environment['OUTRIGGER_TOKEN'])?.trim();
  const ca = read('OUTRIGGER_TLS_CA');
  const certificate = read('OUTRIGGER_TLS_CERT');
  const key = read('OUTRIGGER_TLS_KEY');
  return { ...(token && { token }), ...(ca && { ca }), ...(certificate && { certificate }), ...(key && { key }) };
}
