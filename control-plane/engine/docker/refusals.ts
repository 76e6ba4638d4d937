import type { ErrorCode } from '../../core/errors.ts';

/** How an engine comes to hand devices over by their CDI names. */
export const HAVE_CDI =
  'Install Docker 28.2 or newer there, or Docker 25 with "features": {"cdi": true} in its daemon.json; or state the GPU by its UUID where the NVIDIA Container Toolkit is installed.';

/** What the engine says in its refusals (20.10 to 28), most telling first. */
export const REFUSALS: readonly {
  readonly words: RegExp;
  readonly status?: number;
  readonly known: Known;
  /** It is said in plain text, by whatever stands before the engine. */
  readonly isOfAnyone?: true;
}[] = [
  {
    words: /sent an HTTP request to an HTTPS server/i,
    isOfAnyone: true,
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
    words: /pool overlaps with other one/i,
    known: {
      code: 'invalid_argument',
      next: 'Another network of the engine has addresses of this subnet. Leave the subnet out, so that the engine chooses one, or take another.',
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
    words: /could not select device driver "cdi"/i,
    known: {
      code: 'container_rejected',
      next: `This engine does not hand devices over by CDI. ${HAVE_CDI}`,
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

/** What follows from a refusal. */
export interface Known {
  readonly code: ErrorCode;
  /** Instead of "doing: words", where the engine has no words of its own. */
  readonly message?: string;
  readonly next?: string;
  readonly retryable?: boolean;
}
