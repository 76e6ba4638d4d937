import { execFile } from 'node:child_process';
import { composeCommand } from '../../control-plane/compose/index.ts';
import type { Finding } from './check.ts';
import { olderThan } from './docker.ts';

const PROVIDER_SINCE = '2.36.0';
const HOW_TO_INSTALL =
  'Install the Compose plugin, for all users of the machine: https://docs.docker.com/compose/install/linux/';

/** `docker compose`, which reads the service files. */
export async function checkCompose(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<readonly Finding[]> {
  const name = 'compose';
  const compose = composeCommand(environment);
  const answer = await new Promise<{ text: string; error: Error | null }>(resolve => {
    const args = [...compose.args, 'version', '--short'];
    execFile(compose.command, args, { env: environment, signal }, (error, stdout, stderr) =>
      resolve({ text: (error ? stderr : stdout).trim(), error }),
    );
  });
  signal.throwIfAborted();
  if (answer.error) {
    const message = whyNot(answer.error, answer.text);
    return [{ name, status: 'fail', message, next: HOW_TO_INSTALL }];
  }
  const version = answer.text.replace(/^v/, '');
  const message = `docker compose ${version}`;
  if (!olderThan(version.split(/[-+]/)[0]!, PROVIDER_SINCE)) return [{ name, status: 'ok', message }];
  return [
    {
      name,
      status: 'warn',
      message: `${message} cannot use Outrigger as a provider (needs ${PROVIDER_SINCE})`,
      next: `Works without that; for "provider: {type: outrigger}" install a newer one. ${HOW_TO_INSTALL}`,
    },
  ];
}

function whyNot(error: NodeJS.ErrnoException, text: string): string {
  if (error.code === 'ENOENT') return 'there is no docker command on PATH';
  // Without the plugin docker takes the words behind "compose" for its own.
  if (/unknown (shorthand )?flag|is not a docker command|unknown command/.test(text)) {
    return "the docker command has no compose plugin for this user (one in another user's ~/.docker is that user's alone)";
  }
  return `docker compose does not run: ${text.split('\n')[0]}`;
}
