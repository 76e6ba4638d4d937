import { existsSync } from 'node:fs';
import path from 'node:path';
import type { NodesFileInUse } from './node-source.ts';
import type { NodesNote } from './nodes-note.ts';

/**
 * Which nodes file a start uses: the one that is named, otherwise the one of the last start, otherwise the state folder's;
 * null where there is none. One of the last start that is gone counts as long as the state folder has none.
 */
export function chooseFile(named: string | undefined, ofState: string, note: NodesNote): NodesFileInUse | null {
  if (named !== undefined) return { path: path.resolve(named), from: 'named' };
  const last = note.nodesFile()?.path;
  const isThere = existsSync(ofState);
  if (last !== undefined && last !== ofState && (existsSync(last) || !isThere))
    return { path: last, from: 'last_start' };
  return isThere || last === ofState ? { path: ofState, from: 'state_folder' } : null;
}
