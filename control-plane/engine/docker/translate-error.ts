import { type ErrorCode, OutriggerError } from '../../core/errors.ts';

/**
 * The one place where what dockerode, docker-modem and Node throw becomes an OutriggerError. `doing` says what failed
 * and on which thing ("starting container 1f2e…"); `engine` is the address of the engine.
 */
export function translateError(thrown: unknown, context: { doing: string; engine: string }): OutriggerError {
  if (thrown instanceof OutriggerError) return thrown;
  const { code, message, statusCode } = shapeOf(thrown);
  const words = statusCode === undefined ? message : engineWords(thrown, message);
  const known =
    statusCode === undefined
      ? connectionError(code, message, context.engine)
      : engineError(statusCode, words, context.doing);
  if (known) {
    return new OutriggerError(known.code, known.message ?? `${context.doing}: ${words}`, {
      ...(known.next !== undefined && { next: known.next }),
      ...(known.retryable !== undefined && { retryable: known.retryable }),
      details: { engine: context.engine, doing: context.doing, ...(statusCode !== undefined && { statusCode }) },
      cause: thrown,
    });
  }
  return new OutriggerError('internal', `${context.doing}: ${words}`, {
    details: { engine: context.engine, ...(statusCode !== undefined && { statusCode }) },
    cause: thrown,
  });
}

/** The HTTP status of an engine's refusal; undefined where there was no answer. */
export function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof OutriggerError) {
    const status = thrown.details['statusCode'];
    return typeof status === 'number' ? status : undefined;
  }
  return shapeOf(thrown).statusCode;
}

interface Known {
  readonly code: ErrorCode;
  /** Instead of "doing: words", where the engine has no words of its own. */
  readonly message?: string;
  readonly next?: string;
  readonly retryable?: boolean;
}

/** What the engine says in its refusals (20.10 to 28), most telling first. */
const REFUSALS: readonly { readonly words: RegExp; readonly status?: number; readonly known: Known }[] = [
  {
    words: /sent an HTTP request to an HTTPS server/i,
    known: {
      code: 'unavailable',
      next: 'The engine speaks TLS only. Name its certificates: `tls` of the node in the nodes file; without a nodes file DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or a Docker context.',
      retryable: false,
    },
  },
  {
    words: /no space left on device|disk quota exceeded/i,
    known: {
      code: 'out_of_resources',
      next: 'The disk of the engine is full. See what takes the space with `docker system df`, and free some.',
    },
  },
  {
    words: /cannot allocate memory|not enough memory/i,
    known: {
      code: 'out_of_resources',
      next: 'Free memory on the node, or lower the memory that the service asks for.',
    },
  },
  {
    words: /non-overlapping IPv4 address pool|all predefined address pools have been fully subnetted/i,
    known: {
      code: 'out_of_resources',
      next: 'The engine has no subnet left for another network. Remove unused ones with `docker network prune`, or widen `default-address-pools` in its configuration.',
    },
  },
  {
    words: /port is already allocated|address already in use|ports are not available/i,
    known: {
      code: 'port_in_use',
      next: 'Another program holds the host port. Stop it, choose another port, or leave the host port out to have one chosen.',
    },
  },
  {
    words:
      /could not select device driver|unresolvable CDI devices|CDI device injection failed|unknown CDI device|failed to inject CDI devices|nvidia-container-cli/i,
    known: {
      code: 'container_rejected',
      next: 'The engine cannot give out this GPU. Check with `outrigger doctor` that the NVIDIA Container Toolkit is installed and its CDI files are up to date (`nvidia-ctk cdi list`).',
    },
  },
  {
    words:
      /no such image|pull access denied|manifest (for .* )?(unknown|not found)|repository .* not found|does not exist or may require|no matching manifest|unauthorized|authentication required|no basic auth credentials|denied: requested access/i,
    known: {
      code: 'image_unavailable',
      next: 'Check the spelling of the image, log in with `docker login` if it is private, or build it first.',
    },
  },
  {
    words:
      /executable file not found|no such file or directory: unknown|permission denied: unknown|exec format error|no command specified/i,
    known: {
      code: 'container_rejected',
      next: 'The command cannot be run in this image. Check `command`, `entrypoint` and the platform of the image.',
    },
  },
  {
    words: /unable to find (user|group)/i,
    known: {
      code: 'container_rejected',
      next: 'The image does not know this user or group. Give its number, or a name from /etc/passwd of the image.',
    },
  },
  {
    // 20.10 on: dockerd or containerd died between the start of a task and its own note of it.
    words: /\btask [0-9a-f]{64}: already exists|^id already in use|failed to start shim: mkdir .*: file exists/i,
    known: {
      code: 'conflict',
      next: 'The engine died while it started this container, and holds on to what it had begun; a new container takes its place.',
    },
  },
  {
    // The engine's own containerd went away, or is not back yet; that says nothing of the container.
    words:
      /ttrpc: closed|transport is closing|client connection is closing|error reading from server: EOF|containerd\.sock/i,
    known: {
      code: 'unavailable',
      next: 'The engine has lost its containerd. It is tried again; where that goes on, see the log of the engine.',
    },
  },
  {
    words: /unknown or invalid runtime name|unknown runtime/i,
    known: { code: 'container_rejected', next: 'List the runtimes of the engine with `docker info`.' },
  },
  {
    words: /bind source path does not exist/i,
    known: { code: 'container_rejected', next: 'Create the folder on the node, or set `create_host_path: true`.' },
  },
  {
    words: /rootfs is marked read-only/i,
    known: {
      code: 'container_rejected',
      next: 'Secrets and configs with inline content cannot be written into a read-only container: give them as files, or drop `read_only`.',
    },
  },
  {
    words:
      /OCI runtime create failed|failed to create shim task|failed to create task|error while creating mount source path/i,
    known: {
      code: 'container_rejected',
      next: 'The engine names the option that it refuses above; mend it in the service file.',
    },
  },
  { words: /network .* not found|could not find .*network/i, known: { code: 'conflict' } },
  {
    words:
      /error getting credentials|toomanyrequests|TLS handshake timeout|i\/o timeout|no such host|connection refused|server misbehaving|context deadline exceeded/i,
    status: 500,
    known: {
      code: 'unavailable',
      next: 'The engine could not reach what it needs over the network. It is tried again.',
    },
  },
];

function engineError(status: number, words: string, doing: string): Known | null {
  for (const refusal of REFUSALS) {
    if (refusal.words.test(words) && (refusal.status === undefined || refusal.status === status)) return refusal.known;
  }
  switch (status) {
    case 400:
      return { code: 'container_rejected', next: 'The engine names the option that it refuses above.' };
    case 401:
    case 403:
      return { code: 'denied' };
    case 404:
      return { code: 'not_found' };
    case 409:
      return { code: 'conflict' };
    case 501:
      return { code: 'unsupported' };
    case 502:
    case 503:
    case 504:
      return { code: 'unavailable' };
    default:
      // The engine answers 500 to nearly everything that is wrong with a container.
      return /^(creating|starting) container/.test(doing)
        ? {
            code: 'container_rejected',
            next: 'The engine says above what it could not do; `docker info` and its log say more.',
          }
        : null;
  }
}

function connectionError(code: string | undefined, message: string, engine: string): Known | null {
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return {
        code: 'unavailable',
        message: `Docker is not running at ${engine}`,
        next: engine.startsWith('unix:')
          ? 'Start it (`systemctl start docker`, or Docker Desktop), or point DOCKER_HOST to where it runs.'
          : 'Start it there, and see that it listens at that address and no firewall is in between.',
      };
    case 'EACCES':
    case 'EPERM':
      return {
        code: 'unavailable',
        message: `No permission to use the Docker socket at ${engine}`,
        next: 'Add your user to the group `docker` (`sudo usermod -aG docker $USER`, then log in again), or use a rootless engine.',
        retryable: false,
      };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return { code: 'unavailable', message: `The engine at ${engine} cannot be reached: ${message}` };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return { code: 'unavailable', message: `The engine at ${engine} closed the connection: ${message}` };
    case 'ENOSPC':
      return { code: 'out_of_resources' };
    case 'EPROTO':
      return {
        code: 'unavailable',
        message: `What answers at ${engine} does not speak TLS: ${tlsReason(message)}`,
        next: 'Check the port (2376 is usual with TLS, 2375 without), or leave the certificates out.',
        retryable: false,
      };
    default:
      if (/^ERR_SSL_.*(ALERT|CERTIFICATE)/.test(code ?? '')) {
        return {
          code: 'unavailable',
          message: `The engine at ${engine} refused our certificate: ${tlsReason(message)}`,
          next: 'Give it a certificate that its CA signed and that is not over: cert.pem and key.pem in DOCKER_CERT_PATH, the Docker context, or `tls` in the nodes file.',
          retryable: false,
        };
      }
      if (code?.startsWith('ERR_TLS') || /certificate|self-signed|CERT_/.test(`${code} ${message}`)) {
        return {
          code: 'unavailable',
          message: `The engine at ${engine} could not be trusted: ${message}`,
          next: 'Check ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH or the Docker context, or `tls` in the nodes file.',
          retryable: false,
        };
      }
      return null;
  }
}

/** OpenSSL's own words, out of `C0F7…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/…`. */
function tlsReason(message: string): string {
  return /SSL routines:[^:]*:([^:]+):/.exec(message)?.[1] ?? message;
}

function shapeOf(thrown: unknown): { code?: string; message: string; statusCode?: number } {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const { code, statusCode } = thrown as Error & { code?: unknown; statusCode?: unknown };
  return {
    message: thrown.message,
    ...(typeof code === 'string' && { code }),
    ...(typeof statusCode === 'number' && { statusCode }),
  };
}

/** The engine's own sentence, without what docker-modem puts around it. */
function engineWords(thrown: unknown, message: string): string {
  const json = (thrown as { json?: { message?: unknown } | null }).json;
  if (json && typeof json.message === 'string') return json.message.trim();
  return message.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}
