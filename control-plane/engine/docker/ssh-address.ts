import { OutriggerError } from '../../core/errors.ts';
import { shownAddress } from './shown-address.ts';

/** An engine at the far end of the user's own `ssh`. */
export interface SshConnection {
  readonly kind: 'ssh';
  /** A host name, an address, or a name that the user's ssh configuration has. */
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  /** The engine's socket on that host; absent: the one that `docker` finds there by itself. */
  readonly socketPath?: string;
  /** What ssh runs with: PATH, the agent's socket. Absent: this process's own environment. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** `ssh://[USER@]HOST[:PORT][/SOCKET]`, as the docker command takes it. `from` begins the message of an error. */
export function parseSshAddress(address: string, from: string): SshConnection {
  const url = URL.parse(address);
  const wrong = (what: string) =>
    new OutriggerError('invalid_argument', `${from} is "${shownAddress(address)}": ${what}`, {
      next: 'Write it as ssh://USER@HOST:PORT; user and port may be left out.',
    });
  if (!url?.hostname) throw wrong('expected ssh://USER@HOST:PORT');
  if (url.password) throw wrong('expected no password, as ssh asks nobody here; use a key');
  if (url.search || url.hash) throw wrong('expected nothing behind the path');
  const decoded = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw wrong('expected two hexadecimal digits behind each "%"');
    }
  };
  const host = decoded(url.hostname.replace(/^\[|\]$/g, ''));
  const user = decoded(url.username);
  // ssh takes what begins with a dash for an option, and the far shell must not see anything but names.
  if (!/^[\w:][\w.:%-]*$/.test(host)) throw wrong(`"${host}" is no host name`);
  if (user !== '' && !/^[\w.][\w.@+\\-]*$/.test(user)) throw wrong(`"${user}" is no user name`);
  const socketPath = decoded(url.pathname);
  const problem = socketPathProblem(socketPath);
  if (problem !== null) throw wrong(problem);
  return {
    kind: 'ssh',
    host,
    ...(user === '' ? {} : { user }),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(socketPath === '' || socketPath === '/' ? {} : { socketPath }),
  };
}

export function describeSsh({ host, user, port, socketPath }: SshConnection): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `ssh://${user === undefined ? '' : `${user}@`}${name}${port === undefined ? '' : `:${port}`}${socketPath ?? ''}`;
}

/** What a person gives to `ssh` to get to that host. */
export function sshLogin({ host, user, port }: SshConnection): string {
  return `${port === undefined ? '' : `-p ${port} `}${user === undefined ? '' : `${user}@`}${host}`;
}

/** What is wrong with the path of a socket; null: nothing is. */
export function socketPathProblem(socketPath: string): string | null {
  if (/\p{Cc}/u.test(socketPath)) return 'expected no control characters';
  const bytes = Buffer.byteLength(socketPath);
  return bytes > MOST_SOCKET_PATH_BYTES
    ? `expected a path of at most ${MOST_SOCKET_PATH_BYTES} bytes, found ${bytes}`
    : null;
}

/** Linux keeps 108 bytes for the path of a socket, the NUL behind it included (unix(7)). */
const MOST_SOCKET_PATH_BYTES = 107;
