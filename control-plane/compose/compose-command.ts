import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/**
 * How Compose is called here: as the Docker command's plugin, or as the program of its own that it also is, which is all
 * that a container with nothing but the control plane has.
 */
export function composeCommand(environment: Readonly<Record<string, string | undefined>>): {
  command: string;
  args: readonly string[];
} {
  const folders = (environment['PATH'] ?? '').split(path.delimiter).filter(folder => folder !== '');
  const has = (name: string) => folders.some(folder => isExecutable(path.join(folder, name)));
  if (!has('docker') && has('docker-compose')) return { command: 'docker-compose', args: [] };
  return { command: 'docker', args: ['compose'] };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
