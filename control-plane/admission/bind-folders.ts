import { appendFile, readFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Folders of the projects that were brought up on a control plane that `up` started; their containers may bind what is
 * below them. They are kept in its state folder, which only its user can write, so that a control plane that already
 * runs, or that is started again, takes a further project like the first. What cannot be read allows nothing.
 */
export async function readBindFolders(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const folders = text.split('\n').flatMap(line => parse(line) ?? []);
  return [...new Set(folders)].slice(-MOST_FOLDERS);
}

/** Adds folders that are not there yet. Only appends, a line each, so that several commands may do it at once. */
export async function addBindFolders(file: string, added: readonly string[]): Promise<void> {
  const before = await readBindFolders(file);
  const lines = added.filter(folder => !before.includes(folder)).map(folder => `${JSON.stringify(folder)}\n`);
  if (lines.length > 0) await appendFile(file, lines.join(''), { mode: 0o600 });
}

function parse(line: string): string | null {
  try {
    const folder: unknown = JSON.parse(line);
    return typeof folder === 'string' && path.isAbsolute(folder) ? folder : null;
  } catch {
    return null;
  }
}

/** Of more, those that were added last. */
const MOST_FOLDERS = 1_000;
