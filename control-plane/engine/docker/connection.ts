import { createHash } from 'node:crypto';
import { access, readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { OutriggerError } from '../../core/errors.ts';
import { shownAddress } from './shown-address.ts';
import { describeSsh, parseSshAddress, type SshConnection, socketPathProblem } from './ssh-address.ts';

/** How an engine is reached. */
export type DockerConnection =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: TlsFiles }
  | SshConnection;

export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly skipVerify: boolean;
  /** Where they were named, as a person would look for them: "ca.pem, cert.pem and key.pem in /home/ada/.docker". */
  readonly named?: string;
}

interface Surroundings {
  readonly environment?: NodeJS.ProcessEnv;
  readonly home?: string;
}

/**
 * The engine that the user's own `docker` command would speak to: DOCKER_HOST, then DOCKER_CONTEXT, then the current
 * context of the Docker configuration, then the usual sockets. Rejects with `invalid_argument` where an address cannot be
 * read, or a context or certificate is named and not there.
 */
export async function resolveConnection(options: Surroundings & { host?: string } = {}): Promise<DockerConnection> {
  const { environment = process.env } = options;
  const folder = configFolder(options);
  const host = options.host ?? environment['DOCKER_HOST'];
  if (host) {
    const tls = await tlsFromEnvironment(environment, folder);
    return parseEngineAddress(host, { tls, from: 'DOCKER_HOST', environment: options.environment });
  }
  const context = environment['DOCKER_CONTEXT'] || (await currentContext(folder));
  if (context && context !== 'default') return connectionOfContext(context, options);
  return defaultConnection(options);
}

/** A Docker context by its name; `default` is the usual socket. Rejects with `invalid_argument` where there is none. */
export async function connectionOfContext(name: string, options: Surroundings = {}): Promise<DockerConnection> {
  if (name === 'default') return defaultConnection(options);
  return readContext(name, configFolder(options), options.environment);
}

/** As a person would write it. */
export function describeConnection(connection: DockerConnection): string {
  switch (connection.kind) {
    case 'unix':
      return `unix://${connection.socketPath}`;
    case 'tcp': {
      const { host, port } = connection;
      return `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`;
    }
    case 'ssh':
      return describeSsh(connection);
    default:
      return connection satisfies never;
  }
}

/** `unix://PATH`, `tcp://HOST:PORT` or `ssh://USER@HOST:PORT`. `from` begins the message of an error: where it was read. */
export function parseEngineAddress(
  address: string,
  { tls, from, environment }: { tls?: TlsFiles | undefined; from: string; environment?: NodeJS.ProcessEnv | undefined },
): DockerConnection {
  const separator = address.indexOf('://');
  const scheme = separator < 0 ? 'tcp' : address.slice(0, separator);
  const rest = separator < 0 ? address : address.slice(separator + 3);
  const wrong = (what: string) =>
    new OutriggerError('invalid_argument', `${from} is "${shownAddress(address)}": ${what}`, {
      next: 'Write unix://PATH, tcp://HOST:PORT or ssh://USER@HOST.',
    });
  // A NUL would end a path early, or be refused by the system call that is given it.
  if (/\p{Cc}/u.test(address)) throw wrong('expected no control characters');
  switch (scheme) {
    case 'unix': {
      const socketPath = rest || DEFAULT_SOCKET;
      const problem = socketPathProblem(socketPath);
      if (problem !== null) throw wrong(problem);
      return { kind: 'unix', socketPath };
    }
    case 'ssh':
      return { ...parseSshAddress(address, from), ...(environment && { environment }) };
    case 'tcp':
    case 'http':
    case 'https': {
      const url = URL.parse(`http://${rest}`);
      if (!url?.hostname) throw wrong('expected tcp://HOST:PORT or unix://PATH');
      if (url.username || url.password)
        throw wrong('expected no user and no password, as engines know certificates only');
      if (url.pathname !== '/' || url.search || url.hash) throw wrong('expected nothing behind the port');
      // URL drops port 80 as the default of http.
      const port = Number(url.port || (/:80\/?$/.test(rest) ? 80 : tls ? 2376 : 2375));
      return { kind: 'tcp', host: url.hostname.replace(/^\[|\]$/g, ''), port, ...(tls && { tls }) };
    }
    default:
      throw new OutriggerError(
        'unsupported',
        `${from} is "${shownAddress(address)}": Outrigger reaches engines by unix://, tcp:// and ssh://`,
        { next: 'Write unix://PATH, tcp://HOST:PORT or ssh://USER@HOST.' },
      );
  }
}

function configFolder({ environment = process.env, home = homedir() }: Surroundings): string {
  return environment['DOCKER_CONFIG'] || path.join(home, '.docker');
}

async function defaultConnection({
  environment = process.env,
  home = homedir(),
}: Surroundings): Promise<DockerConnection> {
  return { kind: 'unix', socketPath: await defaultSocket(environment, home) };
}

async function tlsFromEnvironment(environment: NodeJS.ProcessEnv, configFolder: string): Promise<TlsFiles | undefined> {
  const verify = Boolean(environment['DOCKER_TLS_VERIFY']);
  const folder = environment['DOCKER_CERT_PATH'];
  if (!verify && !folder && !environment['DOCKER_TLS']) return undefined;
  return readTls(folder || configFolder, { skipVerify: !verify });
}

async function readTls(folder: string, { skipVerify }: { skipVerify: boolean }): Promise<TlsFiles> {
  const [ca, cert, key] = await Promise.all(['ca.pem', 'cert.pem', 'key.pem'].map(name => optional(folder, name)));
  if (cert && !key) throw new OutriggerError('invalid_argument', `${folder} has cert.pem and no key.pem`);
  const named = `ca.pem, cert.pem and key.pem in ${folder}`;
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), skipVerify, named };
}

async function currentContext(configFolder: string): Promise<string | undefined> {
  const text = await optional(configFolder, 'config.json');
  if (!text) return undefined;
  return parseFile(path.join(configFolder, 'config.json'), text, z.object({ currentContext: z.string().optional() }))
    .currentContext;
}

/** The layout of Docker's context store: folders are named by the SHA-256 of the context's name. */
async function readContext(
  name: string,
  configFolder: string,
  environment: NodeJS.ProcessEnv | undefined,
): Promise<DockerConnection> {
  const folder = createHash('sha256').update(name).digest('hex');
  const metaFolder = path.join(configFolder, 'contexts', 'meta', folder);
  const text = await optional(metaFolder, 'meta.json');
  if (!text) {
    throw new OutriggerError('invalid_argument', `The Docker context "${name}" does not exist in ${configFolder}`, {
      next: `There ${await contextsInWords(configFolder)}; "docker context ls" shows where each leads.`,
    });
  }
  const endpoint = parseFile(path.join(metaFolder, 'meta.json'), text, contextMeta).Endpoints.docker;
  const tlsFolder = path.join(configFolder, 'contexts', 'tls', folder, 'docker');
  const tls = await readTls(tlsFolder, { skipVerify: endpoint.SkipTLSVerify });
  const secured = tls.ca || tls.cert || endpoint.SkipTLSVerify;
  return parseEngineAddress(endpoint.Host, {
    tls: secured ? tls : undefined,
    from: `The Docker context "${name}"`,
    environment,
  });
}

/** `are the contexts default, lab`: those that may be named instead. */
async function contextsInWords(configFolder: string): Promise<string> {
  const metas = path.join(configFolder, 'contexts', 'meta');
  const folders = await readdir(metas).catch(() => []);
  const names = await Promise.all(
    folders.slice(0, MOST_CONTEXTS).map(async folder => {
      const text = await optional(path.join(metas, folder), 'meta.json').catch(() => undefined);
      try {
        return text ? [z.object({ Name: z.string() }).parse(JSON.parse(text.toString('utf8'))).Name] : [];
      } catch {
        return [];
      }
    }),
  );
  const all = ['default', ...names.flat().sort()];
  return all.length === 1 ? 'is the context default' : `are the contexts ${all.join(', ')}`;
}

/** More are not read through by anybody. */
const MOST_CONTEXTS = 20;

const contextMeta = z.object({
  Endpoints: z.object({ docker: z.object({ Host: z.string(), SkipTLSVerify: z.boolean().default(false) }) }),
});

/** The first that exists of the system's, a rootless and a desktop engine's socket; the system's where none does. */
async function defaultSocket(environment: NodeJS.ProcessEnv, home: string): Promise<string> {
  const runtime = environment['XDG_RUNTIME_DIR'];
  const candidates = [
    DEFAULT_SOCKET,
    ...(runtime ? [path.join(runtime, 'docker.sock')] : []),
    path.join(home, '.docker', 'run', 'docker.sock'),
    path.join(home, '.docker', 'desktop', 'docker.sock'),
  ];
  for (const candidate of candidates) {
    if (await exists(candidate)) return candidate;
  }
  return DEFAULT_SOCKET;
}

const DEFAULT_SOCKET = '/var/run/docker.sock';

function parseFile<T>(file: string, content: Buffer, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(content.toString('utf8')));
  } catch (cause) {
    throw new OutriggerError('invalid_argument', `${file} is not what Docker writes there: ${String(cause)}`, {
      cause,
    });
  }
}

async function optional(folder: string, name: string): Promise<Buffer | undefined> {
  return readFile(path.join(folder, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new OutriggerError('invalid_argument', `${path.join(folder, name)} cannot be read: ${error.message}`, {
      cause: error,
    });
  });
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
