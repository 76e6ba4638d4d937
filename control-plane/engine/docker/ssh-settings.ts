import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { SshConnection } from './ssh-address.ts';

/** What the user's own ssh would do for a host. */
export interface SshSettings {
  /** What the user's configuration says for a name that exists only there; the name itself where ssh cannot be asked. */
  readonly host: string;
  /** By what it proves who the user is: keys, their certificates, an agent's socket. Absolute; none where ssh cannot be asked. */
  readonly secretFiles: readonly string[];
}

/** Asks `ssh` what it makes of the user's configuration; nobody is connected to. Never rejects. */
export async function sshSettings({ host, user, port, environment }: SshConnection): Promise<SshSettings> {
  const login = user === undefined ? [] : ['-l', user];
  const at = port === undefined ? [] : ['-p', String(port)];
  const text = await new Promise<string>(resolve => {
    execFile(
      'ssh',
      ['-G', ...login, ...at, '--', host],
      { env: environment ?? process.env, timeout: QUESTION_DEADLINE_MS, maxBuffer: MOST_OUTPUT_BYTES },
      (error, stdout) => resolve(error ? '' : stdout),
    ).on('error', () => {});
  });
  const secrets = [...text.matchAll(/^(?:identityfile|certificatefile|identityagent) (.+)$/gm)];
  const meant = /^hostname (\S+)$/m.exec(text)?.[1] ?? host;
  return { host: meant, secretFiles: secrets.flatMap(([, written = '']) => absolute(written, meant)) };
}

/**
 * ssh prints files as they are written. What stands for something else than the home or the host is known to ssh alone, and so is
 * a relative path's folder; the variable of the agent is looked at elsewhere.
 */
function absolute(written: string, host: string): string[] {
  const { homedir } = userInfo();
  const file = written
    .replace(/^~(?=\/)/, () => homedir)
    .replace(/%[dh%]/g, token => (token === '%d' ? homedir : token === '%h' ? host : '%'));
  return path.isAbsolute(file) ? [file] : [];
}

const QUESTION_DEADLINE_MS = 3_000;
const MOST_OUTPUT_BYTES = 1024 * 1024;
