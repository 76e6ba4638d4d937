import { createRequire } from 'node:module';
import type Docker from 'dockerode';

/**
 * dockerode without the SSH client that docker-modem loads for ssh:// engines, which are reached by the user's own `ssh`
 * here (ssh-socket.ts): it takes 5 MB and 30 ms of every start. An empty module stands in for it while dockerode is loaded, and only then.
 */
export const Dockerode: typeof Docker = loadDockerode();

function loadDockerode(): typeof Docker {
  const require = createRequire(import.meta.url);
  const ssh = sshClientOf(require);
  if (ssh === null || require.cache[ssh]) return require('dockerode');
  require.cache[ssh] = Object.assign(new (require('node:module'))(ssh), { loaded: true, exports: {} });
  try {
    return require('dockerode');
  } finally {
    delete require.cache[ssh];
  }
}

/** Where docker-modem would find it; null where a later version has none. */
function sshClientOf(require: NodeJS.Require): string | null {
  try {
    const modem = createRequire(require.resolve('dockerode')).resolve('docker-modem');
    return createRequire(modem).resolve('ssh2');
  } catch {
    return null;
  }
}
