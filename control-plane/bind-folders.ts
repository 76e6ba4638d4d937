import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Folders of the projects that were brought up on a control plane that `up` started; their containers may bind what is
 * below them. They are kept in its state folder, which only its user can write, so that a control plane that already
 * runs, or that is started again, takes a further project like the first. What cannot be read allows nothing.
 */
export async function readBindFolders(file: string): Promise<readonly string[]> {
  try {
    const folders: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(folders)
      ? folders.filter(folder => typeof folder === 'string' && path.isAbsolute(folder))
      : [];
  } catch {
    return [];
  }
}

/** Adds folders, newest last; of very many the newest are kept. Two commands at once: the later one's may be lost. */
export async function addBindFolders(file: string, added: readonly string[]): Promise<void> {
  const before = await readBindFolders(file);
  if (added.every(folder => before.includes(folder))) return;
  const all = [...before.filter(folder => !added.includes(folder)), ...added].slice(-MOST_FOLDERS);
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(all), { mode: 0o600 });
  await rename(draft, file);
}

const MOST_FOLDERS = 1_000;
