import { type ErrorCode, OutriggerError } from '../../core/errors.ts';

/** How an `ssh … docker system dial-stdio` ended that never carried a byte of the engine's. */
export interface SshEnd {
  /** As a person writes it: `ssh://user@host`. */
  readonly address: string;
  readonly host: string;
  /** What a person gives to `ssh` to get there: `-p 22 user@host`. */
  readonly login: string;
  readonly exitCode: number | null;
  /** What ended it, where it did not end by itself. */
  readonly signal: string | null;
  /** The end of what it wrote to stderr. */
  readonly stderr: string;
}

/** Says which of the many ways this went wrong, and what to do about it. */
export function sshFailure(end: SshEnd): OutriggerError {
  const words = meaningful(end.stderr);
  const known = FAILURES.find(f => f.words.test(end.stderr));
  const details = { engine: end.address, exitCode: end.exitCode, stderr: words };
  if (known) {
    return new OutriggerError(known.code ?? 'unavailable', `${known.message(end)}: ${words}`, {
      next: known.next(end),
      retryable: known.retryable,
      details,
    });
  }
  const how = end.signal === null ? `with code ${end.exitCode}` : `by ${end.signal}`;
  return new OutriggerError('unavailable', `ssh to ${end.address} ended ${how}${words === '' ? '' : `: ${words}`}`, {
    next: `Try "ssh ${end.login} docker version" by hand, as the user that the control plane runs as.`,
    details,
  });
}

/** There is no `ssh` to run here. */
export function sshMissing(address: string, cause: Error): OutriggerError {
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  return new OutriggerError(
    'unavailable',
    isMissing
      ? `${address} cannot be reached: there is no ssh on this machine's PATH`
      : `${address} cannot be reached: ssh could not be started (${cause.message})`,
    {
      next: isMissing
        ? 'Install the OpenSSH client (package openssh-client) where the control plane runs.'
        : 'Look whether this machine can start further processes.',
      retryable: !isMissing,
      cause,
    },
  );
}

interface Failure {
  readonly words: RegExp;
  readonly code?: ErrorCode;
  readonly message: (end: SshEnd) => string;
  readonly next: (end: SshEnd) => string;
  /** Trying the same again without anybody's doing may succeed. */
  readonly retryable: boolean;
}

/** Most telling first: ssh's own words, then those of the far shell, then those of the docker command there. */
const FAILURES: readonly Failure[] = [
  {
    words: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    message: ({ address }) => `the host key of ${address} is not the one that is known`,
    next: ({ host }) =>
      `Find out why it changed; if it is right, forget the old one with "ssh-keygen -R ${host}" and connect once by hand.`,
    retryable: false,
  },
  {
    words: /Host key verification failed|No .* host key is known/,
    message: ({ address }) => `the host key of ${address} is not known here`,
    next: ({ login }) =>
      `Connect once by hand ("ssh ${login}"), compare the fingerprint and accept it, as the user that the control plane runs as.`,
    retryable: false,
  },
  {
    words: /permission denied while trying to connect to the Docker daemon|dial unix .*: connect: permission denied/i,
    message: ({ address }) => `the user at ${address} may not use Docker`,
    next: () => 'Add that user to the group "docker" there, or name one that is in it: ssh://USER@HOST.',
    retryable: false,
  },
  {
    words: /Permission denied|Too many authentication failures|no matching .* found|Host certificate|Bad owner or perm/,
    message: ({ address }) => `${address} does not let us in`,
    next: ({ login }) =>
      `Let "ssh -o BatchMode=yes ${login} true" work without a question: an authorized key without a passphrase, or one that an ssh agent of this user holds.`,
    retryable: false,
  },
  {
    words: /Could not resolve hostname|Name or service not known/,
    message: ({ address }) => `the host of ${address} is not known`,
    next: () => 'Check the spelling of the host, or give it an entry in ~/.ssh/config.',
    retryable: true,
  },
  {
    words: /docker: (command )?not found|docker: No such file or directory|docker: inaccessible or not found/,
    message: ({ address }) => `there is no docker command at ${address}`,
    next: ({ login }) =>
      `Install Docker there, or put its folder on the PATH that a command without a login gets: "ssh ${login} docker version" has to work.`,
    retryable: false,
  },
  {
    words: /is not a docker command|unknown (command|flag|shorthand)/i,
    message: ({ address }) => `the docker command at ${address} is too old`,
    next: () => 'Install Docker 20.10 or newer there.',
    retryable: false,
  },
  {
    words:
      /Cannot connect to the Docker daemon|error during connect|dial unix .*: (connect: )?(no such file|connection refused)/i,
    message: ({ address }) => `Docker is not running at ${address}`,
    next: () => 'Start it there: "systemctl start docker".',
    retryable: true,
  },
  {
    words:
      /Connection (refused|timed out|reset|closed)|Operation timed out|No route to host|Network is unreachable|kex_exchange/i,
    message: ({ address }) => `${address} cannot be reached`,
    next: () => 'See whether the machine is up and its sshd answers; it is tried again.',
    retryable: true,
  },
];

/** The last lines that say something, as one. */
function meaningful(stderr: string): string {
  const lines = stderr
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => /\w/.test(line) && !/^(Warning: Permanently added|\*\* )/.test(line));
  const text = lines.slice(-3).join(' / ').replace(/\.$/, '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a far machine writes must not reach a terminal as it is
  const plain = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  return plain.length > 500 ? `${plain.slice(0, 499)}…` : plain;
}
