import { chmod, mkdir, stat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import path from 'node:path';
import { OutriggerError } from '../core/errors.ts';
import { MAX_SOCKET_PATH_BYTES } from '../state-folder.ts';

/**
 * Makes the server listen on a unix socket of mode 0600. Whoever can open it is trusted, so its folder is made with mode
 * 0700, and one that others can write to is refused. The socket of a process that died is replaced; where one answers,
 * it rejects with `conflict`.
 */
export async function listenOnSocket(server: Server, socketPath: string): Promise<void> {
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
    throw new OutriggerError(
      'invalid_argument',
      `the socket path ${socketPath} is longer than ${MAX_SOCKET_PATH_BYTES} bytes`,
      {
        next: 'Choose a state folder with a shorter path (--state or OUTRIGGER_STATE).',
      },
    );
  }
  const folder = path.dirname(socketPath);
  await prepareFolder(folder);
  try {
    await bind(server, socketPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cannotListen(socketPath, error);
    await removeStale(socketPath);
    await bind(server, socketPath).catch(again => {
      throw cannotListen(socketPath, again);
    });
  }
}

async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(error => {
    throw new OutriggerError('denied', `cannot make the folder ${folder}: ${(error as Error).message}`, {
      next: 'Choose a folder that you may write to (--state or OUTRIGGER_STATE).',
      cause: error,
    });
  });
  const { mode } = await stat(folder);
  const othersWrite = (mode & 0o022) !== 0;
  const sticky = (mode & 0o1000) !== 0;
  if (othersWrite && !sticky) {
    throw new OutriggerError('denied', `other users may write to ${folder}: they could put a socket of theirs there`, {
      next: `chmod 700 ${folder}`,
    });
  }
}

/** The socket is bound within the call to listen, so that the narrowed umask holds for it and for nothing else. */
async function bind(server: Server, socketPath: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  const umask = process.umask(0o177);
  try {
    server.listen({ path: socketPath, backlog: 1_024 }, resolve);
  } finally {
    process.umask(umask);
  }
  try {
    await promise;
    await chmod(socketPath, 0o600);
  } finally {
    server.removeListener('error', reject);
  }
}

async function removeStale(socketPath: string): Promise<void> {
  const found = await stat(socketPath).catch(() => null);
  if (found && !found.isSocket()) {
    throw new OutriggerError('conflict', `${socketPath} is there and is not a socket`, {
      next: 'Move it away, or choose another state folder.',
    });
  }
  if (await answers(socketPath)) {
    throw new OutriggerError('conflict', `a control plane answers on ${socketPath} already`, {
      next: 'Use that one, stop it (`outrigger serve` in its terminal, Ctrl-C), or choose another state folder (--state).',
      retryable: false,
    });
  }
  await unlink(socketPath).catch(error => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw cannotListen(socketPath, error);
  });
}

/** Somebody accepts connections there. A full backlog counts: it is alive, only busy. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(socketPath);
    const settle = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.setTimeout(2_000, () => settle(true));
    socket.once('connect', () => settle(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}

function cannotListen(socketPath: string, error: unknown): OutriggerError {
  if (error instanceof OutriggerError) return error;
  return new OutriggerError('denied', `cannot listen on ${socketPath}: ${(error as Error).message}`, {
    next: 'Choose a folder that you may write to (--state or OUTRIGGER_STATE).',
    cause: error,
  });
}
