import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DiscoveryError } from './client-error.ts';

/** What a control plane beyond this machine asks for. */
export interface Credentials {
  readonly token?: string;
  /** PEM texts. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** Files that somebody named, each before what the environment says. */
export interface CredentialFiles {
  readonly tokenFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/**
 * OUTRIGGER_TOKEN_FILE or OUTRIGGER_TOKEN, and OUTRIGGER_TLS_CA, OUTRIGGER_TLS_CERT, OUTRIGGER_TLS_KEY (files). Read anew
 * for each connection, so that rotated ones are taken up. A file that cannot be read is `invalid_argument`.
 */
export function credentialsOf(
  environment: NodeJS.ProcessEnv,
  { chosen = {}, cwd = process.cwd() }: { chosen?: CredentialFiles; cwd?: string } = {},
): Credentials {
  const read = (what: string, named: string | undefined, variable: string) => {
    const file = named || environment[variable];
    if (!file) return undefined;
    const absolute = path.resolve(cwd, file);
    try {
      return readFileSync(absolute, 'utf8');
    } catch (cause) {
      const which = named ? `The ${what} ${absolute}` : `${variable} names ${absolute}, which`;
      throw new DiscoveryError(
        'invalid_argument',
        `${which} cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
        { next: 'Check the path and its permissions.', cause },
      );
    }
  };
  const token = (
    read('token file', chosen.tokenFile, 'OUTRIGGER_TOKEN_FILE') ?? environment['OUTRIGGER_TOKEN']
  )?.trim();
  const ca = read('CA file', chosen.tlsCa, 'OUTRIGGER_TLS_CA');
  const certificate = read('certificate', chosen.tlsCert, 'OUTRIGGER_TLS_CERT');
  const key = read('key', chosen.tlsKey, 'OUTRIGGER_TLS_KEY');
  return { ...(token && { token }), ...(ca && { ca }), ...(certificate && { certificate }), ...(key && { key }) };
}
