import { execFile } from 'node:child_process';
import { OutriggerError } from '../core/errors.ts';
import type { ComposeOptions } from './read.ts';

const DEADLINE_MS = 10_000;

/**
 * Those of the images that the engine does not have. Where there is no docker command to ask, all of them: building one
 * that is there costs little.
 * @throws OutriggerError `timeout` where the engine does not answer within `deadlineMs`, 10 s by default
 */
export async function missingImages(
  images: readonly string[],
  { environment, deadlineMs = DEADLINE_MS }: Pick<ComposeOptions, 'environment'> & { deadlineMs?: number },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const either = AbortSignal.any([signal, deadline]);
  const isThere = (image: string) =>
    new Promise<boolean>(resolve => {
      const args = ['image', 'inspect', '--format', '{{.Id}}', image];
      const options = { env: { ...environment }, signal: either, killSignal: 'SIGKILL' } as const;
      execFile('docker', args, options, error => resolve(error === null));
    });
  const there = await Promise.all(images.map(isThere));
  signal.throwIfAborted();
  if (deadline.aborted) {
    throw new OutriggerError('timeout', `docker image inspect did not answer within ${deadlineMs / 1_000} s`, {
      next: 'The engine hangs or is overloaded; `outrigger doctor` looks closer.',
    });
  }
  return images.filter((_, i) => !there[i]);
}
