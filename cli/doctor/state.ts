import { constants, existsSync } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { StateFolder } from '../../control-plane/state-folder.ts';
import { APPLICATION_ID, SCHEMA_VERSION } from '../../control-plane/store/schema.ts';
import { stateCorrupt, translate } from '../../control-plane/store/sqlite-errors.ts';
import { CHOOSE_ANOTHER_STATE, stateFolderProblem } from '../state-folder-problem.ts';
import { type Finding, failure } from './check.ts';
import { diskFinding } from './disk.ts';

/** The state folder: writable, private, its socket's path short enough, space on its disk. */
export async function checkStateFolder(state: StateFolder): Promise<readonly Finding[]> {
  const name = 'state folder';
  const problem = stateFolderProblem(state);
  if (problem !== null) return [{ name, status: 'fail', message: problem, next: CHOOSE_ANOTHER_STATE }];
  const existing = nearestExisting(state.folder);
  try {
    await access(existing, constants.W_OK | constants.X_OK);
  } catch {
    const message = `${existing} cannot be written by ${userInfo().username}`;
    return [{ name, status: 'fail', message, next: `Make it writable. ${CHOOSE_ANOTHER_STATE}` }];
  }
  const { mode, uid } = await stat(existing);
  const disk = await diskFinding('state disk', existing, { warnBytes: 512 * 1024 ** 2, failBytes: 16 * 1024 ** 2 });
  if (existing !== state.folder) {
    return [{ name, status: 'ok', message: `${state.folder} will be made when it is needed` }, disk];
  }
  if ((mode & 0o077) !== 0 || (process.getuid !== undefined && uid !== process.getuid())) {
    const message = `${state.folder} is open to other users (mode ${(mode & 0o777).toString(8)}, owner ${uid})`;
    return [{ name, status: 'warn', message, next: `chmod 700 ${state.folder}, as the user who owns it` }, disk];
  }
  return [{ name, status: 'ok', message: state.folder }, disk];
}

/** Reads the state file without changing it. Only where no control plane has it open. */
export async function checkStateFile(state: StateFolder): Promise<readonly Finding[]> {
  const name = 'state file';
  if (!existsSync(state.database)) return [{ name, status: 'ok', message: 'none yet' }];
  const { DatabaseSync } = await import('node:sqlite');
  try {
    const database = new DatabaseSync(state.database, { readOnly: true });
    try {
      const read = (pragma: string) => Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
      const version = Number(read('user_version'));
      if (Number(read('application_id')) !== APPLICATION_ID) {
        throw stateCorrupt(state.database, 'it is not a state file of outrigger');
      }
      if (version > SCHEMA_VERSION) {
        throw stateCorrupt(state.database, `it has version ${version}; this program reads up to ${SCHEMA_VERSION}`);
      }
      const sound = read('quick_check');
      if (sound !== 'ok') throw stateCorrupt(state.database, String(sound));
      return [{ name, status: 'ok', message: `${state.database} is sound (version ${version})` }];
    } finally {
      database.close();
    }
  } catch (error) {
    return [failure(name, translate(error, state.database, 'reading the state file'))];
  }
}

function nearestExisting(folder: string): string {
  let at = folder;
  while (!existsSync(at) && path.dirname(at) !== at) at = path.dirname(at);
  return at;
}
