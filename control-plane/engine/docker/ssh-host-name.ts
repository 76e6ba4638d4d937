import { execFile } from 'node:child_process';
import type { SshConnection } from './ssh-address.ts';

/**
 * The host that ssh would connect to: what the user's configuration says for a name that exists only there. The name
 * itself where ssh cannot be asked.
 */
export function resolvedSshHost({ host, user, port, environment }: SshConnection): Promise<string> {
  const login = user === undefined ? [] : ['-l', user];
  const at = port === undefined ? [] : ['-p', String(port)];
  return new Promise(resolve => {
    execFile(
      'ssh',
      ['-G', ...login, ...at, '--', host],
      { env: environment ?? process.env, timeout: QUESTION_DEADLINE_MS, maxBuffer: MOST_OUTPUT_BYTES },
      (error, stdout) => resolve((error ? undefined : /^hostname (\S+)$/m.exec(stdout)?.[1]) ?? host),
    ).on('error', () => {});
  });
}

const QUESTION_DEADLINE_MS = 3_000;
const MOST_OUTPUT_BYTES = 1024 * 1024;
