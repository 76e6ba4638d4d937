import test from 'ava';
import type { ErrorCode } from '../../../control-plane/core/errors.ts';
import { statusOf, translateError } from '../../../control-plane/engine/docker/translate-error.ts';

/** An answer of the engine, as docker-modem throws it. */
function answer(statusCode: number, message: string): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${message} `), {
    statusCode,
    json: { message },
  });
}

function failure(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

/** In the words of engines 20.10 to 28. */
const rows: readonly [string, Error, ErrorCode][] = [
  [
    'disk full',
    answer(500, 'failed to create layer: write /var/lib/docker/x: no space left on device'),
    'out_of_resources',
  ],
  ['disk quota', answer(500, 'mkdir /var/lib/docker/x: disk quota exceeded'), 'out_of_resources'],
  [
    'no memory',
    answer(500, 'OCI runtime create failed: fork/exec: cannot allocate memory: unknown'),
    'out_of_resources',
  ],
  ['no subnet', answer(404, 'could not find an available, non-overlapping IPv4 address pool'), 'out_of_resources'],
  ['subnet in use', answer(403, 'Pool overlaps with other one on this address space'), 'invalid_argument'],
  ['port of a container', answer(500, 'Bind for 127.0.0.1:80 failed: port is already allocated'), 'port_in_use'],
  ['port of a program', answer(500, 'listen tcp4 0.0.0.0:80: bind: address already in use'), 'port_in_use'],
  ['no GPU driver', answer(500, 'could not select device driver "" with capabilities: [[gpu]]'), 'container_rejected'],
  [
    'no CDI device',
    answer(500, 'CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=9'),
    'container_rejected',
  ],
  [
    'bad command',
    answer(400, 'OCI runtime create failed: exec: "x": executable file not found in $PATH: unknown'),
    'container_rejected',
  ],
  ['bad user', answer(500, 'unable to find user ann: no matching entries in passwd file'), 'container_rejected'],
  [
    'no bind source',
    answer(400, 'invalid mount config for type "bind": bind source path does not exist: /x'),
    'container_rejected',
  ],
  ['something else', answer(500, 'cgroups: cannot do what was asked'), 'container_rejected'],
  ['no image', answer(404, 'No such image: a:1'), 'image_unavailable'],
  ['no container', answer(404, 'No such container: 1f'), 'not_found'],
  ['task left by a dead engine', answer(500, `task ${'0af1'.repeat(16)}: already exists`), 'conflict'],
  [
    'folder left by a dead containerd',
    answer(500, `failed to start shim: mkdir /run/containerd/task/moby/${'0af1'.repeat(16)}: file exists: unknown`),
    'conflict',
  ],
  ['containerd lost', answer(500, 'ttrpc: closed: unknown'), 'unavailable'],
  ['containerd not back', answer(500, 'transport is closing: unavailable'), 'unavailable'],
  ['id left by a dead engine', answer(500, 'id already in use'), 'conflict'],
  ['name taken', answer(409, 'Conflict. The container name "/a" is already in use'), 'conflict'],
  ['engine starting', answer(503, 'not ready'), 'unavailable'],
  ['no socket', failure('ENOENT'), 'unavailable'],
  ['not listening', failure('ECONNREFUSED'), 'unavailable'],
  ['no permission', failure('EACCES'), 'unavailable'],
  ['unknown host', failure('ENOTFOUND'), 'unavailable'],
  ['broken connection', failure('ECONNRESET', 'socket hang up'), 'unavailable'],
  ['not trusted', failure('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'), 'unavailable'],
  ['a mistake of ours', new TypeError('x is not a function'), 'internal'],
];

for (const [title, thrown, code] of rows) {
  test(`${title}: ${code}`, t => {
    const error = translateError(thrown, { doing: 'creating container a', engine: 'unix:///var/run/docker.sock' });
    t.is(error.code, code, error.message);
    t.is(error.cause, thrown);
    t.notRegex(error.message, /HTTP code/);
    t.is(statusOf(error), (thrown as { statusCode?: number }).statusCode);
    // What a person can mend comes with how.
    if (['out_of_resources', 'port_in_use', 'container_rejected', 'image_unavailable'].includes(code))
      t.truthy(error.next);
  });
}

test('a socket without permission says which group to join, and is not tried again', t => {
  const error = translateError(failure('EACCES'), {
    doing: 'listing containers',
    engine: 'unix:///var/run/docker.sock',
  });
  t.is(error.message, 'No permission to use the Docker socket at unix:///var/run/docker.sock');
  t.regex(error.next ?? '', /usermod -aG docker/);
  t.false(error.retryable);
});

test("a 500 that is about no container is nobody's fault that we know of", t => {
  t.is(translateError(answer(500, 'oops'), { doing: 'listing containers', engine: 'x' }).code, 'internal');
});
