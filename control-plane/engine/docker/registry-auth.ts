import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { OutriggerError } from '../../core/errors.ts';

/** What goes to the engine as X-Registry-Auth. */
export type RegistryAuth =
  | { readonly username: string; readonly password: string; readonly serveraddress: string }
  | { readonly identitytoken: string; readonly serveraddress: string }
  | { readonly registrytoken: string; readonly serveraddress: string };

/**
 * The credentials that `docker pull` would use for this image, from the user's Docker configuration: the registry's own
 * helper, the general helper, or the file itself. Null where there are none. A helper that fails or hangs is an error,
 * because a pull without its credentials would end in a message that misleads.
 */
export async function registryAuth(
  image: string,
  options: { environment?: NodeJS.ProcessEnv; home?: string; deadlineMs: number; signal: AbortSignal },
): Promise<RegistryAuth | null> {
  const environment = options.environment ?? process.env;
  const folder = environment['DOCKER_CONFIG'] || path.join(options.home ?? homedir(), '.docker');
  const config = await readConfig(path.join(folder, 'config.json'));
  if (!config) return null;
  const server = serverAddress(registryOf(image));
  const helper = config.credHelpers[server] ?? config.credHelpers[registryOf(image)] ?? config.credsStore;
  if (helper) {
    const found = await askHelper(helper, server, environment, options);
    if (found) return found;
  }
  return authOfFile(config, server);
}

/** The part of an image reference that names its registry; Docker Hub's name where it has none. */
export function registryOf(image: string): string {
  const slash = image.indexOf('/');
  const first = slash < 0 ? '' : image.slice(0, slash);
  return first === 'localhost' || /[.:]/.test(first) ? first : 'docker.io';
}

/** Docker Hub's credentials are kept under the address of its first version, for ever. */
function serverAddress(registry: string): string {
  return ['docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(registry)
    ? 'https://index.docker.io/v1/'
    : registry;
}

const dockerConfig = z.object({
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
        registrytoken: z.string().optional(),
      }),
    )
    .default({}),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).default({}),
});

async function readConfig(file: string): Promise<z.infer<typeof dockerConfig> | null> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new OutriggerError('image_unavailable', `${file} cannot be read: ${String(cause)}`, { cause });
  }
  try {
    return dockerConfig.parse(JSON.parse(content));
  } catch (cause) {
    throw new OutriggerError('image_unavailable', `${file} is not a Docker configuration: ${String(cause)}`, {
      next: 'Mend the file, or log in again with `docker login`.',
      cause,
    });
  }
}

function authOfFile({ auths }: z.infer<typeof dockerConfig>, server: string): RegistryAuth | null {
  const bare = (address: string) => address.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  const entry = auths[server] ?? Object.entries(auths).find(([address]) => bare(address) === bare(server))?.[1];
  if (!entry) return null;
  if (entry.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: server };
  if (entry.registrytoken) return { registrytoken: entry.registrytoken, serveraddress: server };
  const decoded = entry.auth ? Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '') : '';
  const colon = decoded.indexOf(':');
  const username = entry.username ?? (colon < 0 ? '' : decoded.slice(0, colon));
  const password = entry.password ?? (colon < 0 ? '' : decoded.slice(colon + 1));
  return username ? { username, password, serveraddress: server } : null;
}

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });

/** https://github.com/docker/docker-credential-helpers: the server's address on stdin, JSON on stdout. */
async function askHelper(
  helper: string,
  server: string,
  environment: NodeJS.ProcessEnv,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): Promise<RegistryAuth | null> {
  const program = `docker-credential-${helper}`;
  const broken = (why: string, cause?: unknown) =>
    new OutriggerError('image_unavailable', `${program}, which keeps the credentials for ${server}, ${why}`, {
      next: `Try \`echo ${server} | ${program} get\`; log in again with \`docker login\`, or take the helper out of Docker's config.json.`,
      cause,
    });
  const deadline = AbortSignal.timeout(deadlineMs);
  const child = spawn(program, ['get'], {
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
    signal: AbortSignal.any([signal, deadline]),
    killSignal: 'SIGKILL',
  });
  child.stdin.on('error', () => {}); // a helper may answer without reading
  child.stdin.end(`${server}\n`);
  let code: number | null;
  let output: string;
  let complaint: string;
  try {
    [code, output, complaint] = await Promise.all([
      new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve)),
      text(child.stdout),
      text(child.stderr),
    ]);
  } catch (cause) {
    if (signal.aborted) throw new OutriggerError('timeout', `asking ${program} was given up`, { cause });
    if (deadline.aborted) throw broken(`did not answer within ${deadlineMs} ms`, cause);
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw broken('is not installed', cause);
    throw broken(`failed: ${String(cause)}`, cause);
  }
  if (code !== 0) {
    if (/credentials not found/i.test(output + complaint)) return null;
    throw broken(`failed: ${(complaint || output).trim().slice(0, 500)}`);
  }
  const answer = helperAnswer.safeParse(parseJson(output));
  if (!answer.success) throw broken('answered with something that is not a credential');
  const { Username, Secret } = answer.data;
  return Username === '<token>'
    ? { identitytoken: Secret, serveraddress: server }
    : { username: Username, password: Secret, serveraddress: server };
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
