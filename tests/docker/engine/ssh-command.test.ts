import test from 'ava';
import { sshArguments } from '../../../control-plane/engine/docker/ssh-command.ts';
import { sshFailure } from '../../../control-plane/engine/docker/ssh-failure.ts';

test('ssh never asks, and nothing of the address is an option or a shell word of its own', t => {
  const argv = sshArguments({
    kind: 'ssh',
    host: 'node',
    user: 'ann',
    port: 22,
    socketPath: "/run/d'; rm x/docker.sock",
  });
  t.true(argv.includes('BatchMode=yes'));
  t.deepEqual(argv.slice(argv.indexOf('-l')), [
    ...['-l', 'ann', '-p', '22', '--', 'node'],
    `docker --host 'unix:///run/d'\\''; rm x/docker.sock' system dial-stdio`,
  ]);
});

const endings: readonly [string, RegExp, RegExp, boolean][] = [
  ['Host key verification failed.', /host key .* is not known here/, /compare the fingerprint/, false],
  [
    '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.',
    /is not the one/,
    /-R node/,
    false,
  ],
  ['ann@node: Permission denied (publickey,password).', /does not let us in/, /without a question/, false],
  ['Load key "k": bad permissions\nann@node: Permission denied (publickey).', /bad permissions/, /key/, false],
  ['bash: line 1: docker: command not found', /no docker command/, /Install Docker/, false],
  ["docker: 'system dial-stdio' is not a docker command.", /too old/, /20\.10/, false],
  [
    'Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
    /may not use Docker/,
    /group "docker"/,
    false,
  ],
  ['Cannot connect to the Docker daemon at unix:///var/run/docker.sock.', /Docker is not running/, /systemctl/, true],
  ['ssh: Could not resolve hostname node: Name or service not known', /host .* is not known/, /spelling/, true],
  ['ssh: connect to host node port 22: Connection refused', /cannot be reached/, /tried again/, true],
  ['kex_exchange_identification: Connection closed by remote host', /cannot be reached/, /tried again/, true],
  ['the moon is in the wrong house', /ended with code 255: the moon/, /by hand/, true],
];
for (const [stderr, message, next, retryable] of endings) {
  test(`ssh ends with: ${stderr.split('\n')[0]}`, t => {
    const error = sshFailure({
      address: 'ssh://ann@node',
      host: 'node',
      login: 'ann@node',
      exitCode: 255,
      signal: null,
      stderr,
    });
    t.is(error.code, 'unavailable');
    t.regex(error.message, message);
    t.regex(error.next ?? '', next);
    t.is(error.retryable, retryable);
  });
}

test('what a far machine writes reaches no terminal as it is, and not without end', t => {
  const stderr = `Warning: Permanently added x\n\u001b[2J${'x'.repeat(9_000)}`;
  const { message } = sshFailure({
    address: 'ssh://node',
    host: 'node',
    login: 'node',
    exitCode: 1,
    signal: null,
    stderr,
  });
  t.false(message.includes('\u001b'));
  t.false(message.includes('Permanently'));
  t.true(message.length < 600);
});
