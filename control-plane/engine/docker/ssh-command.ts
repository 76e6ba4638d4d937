import type { SshConnection } from './ssh-address.ts';

/**
 * The arguments of `ssh` that make its stdin and stdout a connection to the engine, the way the docker command does it.
 * All else (keys, known hosts, jump hosts, shared connections) is the user's ssh configuration.
 */
export function sshArguments({ host, user, port, socketPath }: SshConnection): readonly string[] {
  const engine = socketPath === undefined ? '' : ` --host ${shellQuoted(`unix://${socketPath}`)}`;
  return [
    ...OPTIONS.flatMap(option => ['-o', option]),
    // No terminal, no X, and no agent on a machine that only has to reach its own socket.
    ...['-T', '-x', '-a'],
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...['--', host, `docker${engine} system dial-stdio`],
  ];
}

const OPTIONS = [
  // Nobody is there to answer: without this ssh would wait for a password, or for a yes to a new host key.
  'BatchMode=yes',
  // Less than an engine's question may take, so that ssh says itself what it waited for.
  'ConnectTimeout=8',
  // A connection that was cut without a word is noticed.
  'ServerAliveInterval=5',
  'ServerAliveCountMax=3',
  // What the user forwards in a session by hand could be had once only, and we open several.
  'ClearAllForwardings=yes',
  'RemoteCommand=none',
];

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
