import { OutriggerError } from '../core/errors.ts';
import { type ComposeOptions, composeVersion } from './read.ts';

/** What the compiler was made for: provider services came with 2.36. */
const OLDEST = [2, 36] as const;

/**
 * Called when Compose failed: whether that was for want of a plugin, or because it is too old for what the file says.
 * @throws OutriggerError `unavailable` without a plugin, `unsupported` with one that is too old
 */
export async function checkPlugin(options: ComposeOptions, signal: AbortSignal): Promise<void> {
  const version = await composeVersion(options, signal);
  if (version === undefined) {
    throw new OutriggerError('unavailable', 'the docker command has no compose plugin', {
      retryable: false,
      next: 'Install Docker Compose 2.36 or later as a plugin (docker-compose-plugin); `outrigger doctor` checks it.',
    });
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new OutriggerError(
    'unsupported',
    `Docker Compose ${version} is too old; expected ${OLDEST.join('.')} or later`,
    {
      next: 'Update the compose plugin of Docker.',
    },
  );
}
