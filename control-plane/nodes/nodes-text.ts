import { open } from 'node:fs/promises';
import { OutriggerError } from '../core/errors.ts';

/** What a nodes file says at one moment. */
export interface NodesText {
  readonly text: string;
  /** Milliseconds since the Unix epoch, by the clock of whoever keeps the file. */
  readonly changedAtMs: number;
}

/** null where there is none. Rejects with `invalid_argument` where it cannot be read. */
export async function readNodesText(file: string): Promise<NodesText | null> {
  try {
    await using handle = await open(file, 'r');
    const text = await handle.readFile('utf8');
    return { text, changedAtMs: (await handle.stat()).mtimeMs };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new OutriggerError('invalid_argument', `The nodes file ${file} cannot be read: ${message}`, {
      next: 'Name a file that this user may read.',
      cause: error,
    });
  }
}
