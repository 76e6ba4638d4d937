import path from 'node:path';

/**
 * Where programs keep by what they prove who the user is: in the home of the user that the control plane runs as, and where
 * its environment says instead. Docker, its credential helpers and ssh, which we run, look there ourselves as well.
 * @returns absolute paths of files, folders and sockets, whether or not there is anything
 */
export function credentialPlaces(home: string, environment: NodeJS.ProcessEnv): readonly string[] {
  const named = MOVED.flatMap(({ variable, part = '', isList }) => {
    const value = environment[variable]?.trim();
    if (!value) return [];
    return (isList ? value.split(path.delimiter) : [value])
      .filter(place => place !== '')
      .map(place => path.resolve(place, part));
  });
  return [...new Set([...IN_HOME.map(name => path.join(home, name)), ...named])];
}

const IN_HOME = [
  '.ssh',
  '.gnupg',
  '.aws',
  '.azure',
  '.kube',
  '.docker',
  '.config/gcloud',
  '.config/gh',
  '.password-store',
  '.local/share/keyrings',
  '.netrc',
  '.npmrc',
  '.pypirc',
  '.git-credentials',
  '.vault-token',
];

/** Variables that put one of these elsewhere, or name another of its kind; `part`: what of the folder it is. */
const MOVED: readonly { readonly variable: string; readonly part?: string; readonly isList?: true }[] = [
  { variable: 'DOCKER_CONFIG' },
  // Whoever may speak to it has the keys, and by them every engine that is reached by ssh.
  { variable: 'SSH_AUTH_SOCK' },
  { variable: 'GNUPGHOME' },
  { variable: 'AWS_SHARED_CREDENTIALS_FILE' },
  { variable: 'AWS_CONFIG_FILE' },
  { variable: 'AWS_WEB_IDENTITY_TOKEN_FILE' },
  { variable: 'AZURE_CONFIG_DIR' },
  { variable: 'KUBECONFIG', isList: true },
  { variable: 'CLOUDSDK_CONFIG' },
  { variable: 'GOOGLE_APPLICATION_CREDENTIALS' },
  { variable: 'GH_CONFIG_DIR' },
  { variable: 'XDG_CONFIG_HOME', part: 'gcloud' },
  { variable: 'XDG_CONFIG_HOME', part: 'gh' },
  { variable: 'PASSWORD_STORE_DIR' },
  { variable: 'XDG_DATA_HOME', part: 'keyrings' },
  { variable: 'NETRC' },
  { variable: 'NPM_CONFIG_USERCONFIG' },
];
