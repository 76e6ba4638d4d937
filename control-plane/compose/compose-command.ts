import { accessSync, closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** How a program is called. */
interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * How Compose is called here: as the Docker command's plugin, or as the program of its own that it also is, which is all
 * that a container with nothing but the control plane has.
 */
export function composeCommand(environment: Environment): Command {
  if (find('docker', environment) === null && find('docker-compose', environment) !== null) {
    return { command: 'docker-compose', args: [] };
  }
  return { command: 'docker', args: ['compose'] };
}

/**
 * How Compose is asked about files, which takes nothing of the Docker command but the search for its plugin: the plugin
 * itself, in half the time, where it is in one of the usual places. Somebody's script in place of `docker`, or a
 * configuration that names further places, has its say.
 */
export function composeReader(environment: Environment): Command {
  const viaDocker = composeCommand(environment);
  const docker = find('docker', environment);
  const configured = environment['DOCKER_CONFIG'] || (environment['HOME'] && path.join(environment['HOME'], '.docker'));
  if (docker === null || isScript(docker) || !configured || namesFolders(configured)) return viaDocker;
  const folders = [path.join(configured, 'cli-plugins'), ...PLUGIN_FOLDERS];
  const plugin = folders.map(folder => path.join(folder, 'docker-compose')).find(isExecutable);
  return plugin === undefined ? viaDocker : { command: plugin, args: [] };
}

/** https://github.com/docker/cli/blob/master/cli-plugins/manager/manager_unix.go, in the order of the search. */
const PLUGIN_FOLDERS = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map(
  folder => `${folder}/docker/cli-plugins`,
);

function namesFolders(dockerConfig: string): boolean {
  try {
    return readFileSync(path.join(dockerConfig, 'config.json'), 'utf8').includes('cliPluginsExtraDirs');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** The program of that name that the PATH leads to. */
function find(name: string, environment: Environment): string | null {
  const folders = (environment['PATH'] ?? '').split(path.delimiter).filter(folder => folder !== '');
  return folders.map(folder => path.join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** As well where it cannot be told. */
function isScript(file: string): boolean {
  try {
    const opened = openSync(file, 'r');
    try {
      const start = Buffer.alloc(2);
      readSync(opened, start);
      return start.toString('latin1') === '#!';
    } finally {
      closeSync(opened);
    }
  } catch {
    return true;
  }
}
