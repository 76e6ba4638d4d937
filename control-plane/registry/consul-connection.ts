import { readFile } from 'node:fs/promises';
import { OutriggerError } from '../core/errors.ts';

/** Where one Consul agent answers, and how to speak to it. It must be an agent itself, not a balancer before several. */
export interface ConsulConnection {
  /** Scheme, host and port, such as `http://127.0.0.1:8500`. */
  readonly url: URL;
  /** ACL token; from a file it is read again for each request, so that it can be rotated. */
  readonly token?: string | { readonly file: string };
  /** PEM files. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
  /** False accepts any certificate; only as the operator's explicit wish. */
  readonly verify?: boolean;
}

/** Reads the environment as Consul's own programs do. Rejects with `invalid_argument` where the address is none. */
export function consulConnection(environment: NodeJS.ProcessEnv, address?: string): ConsulConnection {
  const set = (name: string) => environment[name]?.trim() || undefined;
  const written = address ?? set('CONSUL_HTTP_ADDR') ?? '127.0.0.1:8500';
  const secure = isTrue(set('CONSUL_HTTP_SSL'));
  const tokenFile = set('CONSUL_HTTP_TOKEN_FILE');
  const token = set('CONSUL_HTTP_TOKEN');
  const caFile = set('CONSUL_CACERT');
  const certFile = set('CONSUL_CLIENT_CERT');
  const keyFile = set('CONSUL_CLIENT_KEY');
  const serverName = set('CONSUL_TLS_SERVER_NAME');
  const verify = set('CONSUL_HTTP_SSL_VERIFY');
  return {
    url: parseAddress(written, secure),
    ...(token ? { token } : tokenFile ? { token: { file: tokenFile } } : {}),
    ...(caFile && { caFile }),
    ...(certFile && { certFile }),
    ...(keyFile && { keyFile }),
    ...(serverName && { serverName }),
    ...(verify && { verify: isTrue(verify) }),
  };
}

function parseAddress(written: string, secure: boolean): URL {
  const withScheme = /^[a-z]+:\/\//i.test(written) ? written : `${secure ? 'https' : 'http'}://${written}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.pathname !== '/' || url.search !== '') {
    throw new OutriggerError('invalid_argument', `the Consul address "${written}" is not usable`, {
      next: 'Write host:port, http://host:port or https://host:port (CONSUL_HTTP_ADDR or the --consul option).',
    });
  }
  // Consul's programs mean its own ports, not those of the web, where none is written.
  if (url.port === '' && !/:\d+$/.test(written)) url.port = url.protocol === 'https:' ? '8501' : '8500';
  return url;
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && ['1', 't', 'true'].includes(text.toLowerCase());
}

/** The token to send now. Rejects with `denied` where its file cannot be read. */
export async function readToken(token: ConsulConnection['token']): Promise<string | undefined> {
  if (token === undefined || typeof token === 'string') return token;
  try {
    return (await readFile(token.file, 'utf8')).trim();
  } catch (error) {
    throw new OutriggerError('denied', `cannot read the Consul token file ${token.file}: ${(error as Error).message}`, {
      retryable: true,
      next: 'Make the file readable for the control plane, or correct CONSUL_HTTP_TOKEN_FILE.',
      cause: error,
    });
  }
}
