import { spawn } from 'node:child_process';
import { OutriggerError } from '../core/errors.ts';
import { composeCommand } from './compose-command.ts';
import { type ComposeOptions, globalArguments } from './read.ts';
import { notStarted } from './run-compose.ts';

/**
 * `docker compose build` of these services, with its output on this process's stderr. A build has no deadline of its
 * own, since it may compile for an hour and shows that it lives; the signal interrupts it.
 * @throws OutriggerError `image_unavailable` where the build fails, `unavailable` without Compose
 */
export async function buildImages(
  services: readonly string[],
  options: ComposeOptions,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { cwd, environment, stdin } = options;
  const compose = composeCommand(environment);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(compose.command, [...compose.args, ...globalArguments(options), 'build', '--', ...services], {
    cwd,
    env: { ...environment },
    stdio: ['pipe', 2, 2],
    signal,
    killSignal: 'SIGINT',
  });
  // Compose may end without reading what it was given.
  child.stdin?.on('error', () => {});
  child.stdin?.end(stdin ?? '');
  child.on('error', error => reject(signal.aborted ? signal.reason : notStarted(error, cwd)));
  child.on('exit', code => {
    if (code === 0) resolve();
    else if (signal.aborted) reject(signal.reason);
    else {
      reject(
        new OutriggerError('image_unavailable', `docker compose build ended with code ${code}.`, {
          next: 'See its output above.',
        }),
      );
    }
  });
  await promise;
}
