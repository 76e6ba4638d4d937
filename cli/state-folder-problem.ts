import { statSync } from 'node:fs';
import { MAX_SOCKET_PATH_BYTES, type StateFolder } from '../control-plane/state-folder.ts';

export const CHOOSE_ANOTHER_STATE = 'Choose another one with --state or OUTRIGGER_STATE.';

/** Why no control plane could ever run on this state folder, whatever its permissions; null where one could. */
export function stateFolderProblem(state: StateFolder): string | null {
  const socketBytes = Buffer.byteLength(state.socket);
  if (socketBytes > MAX_SOCKET_PATH_BYTES) {
    return `${state.socket} has ${socketBytes} bytes; a socket's path may have ${MAX_SOCKET_PATH_BYTES}`;
  }
  try {
    return statSync(state.folder).isDirectory() ? null : `${state.folder} is not a folder`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? `${state.folder} lies below a file` : null;
  }
}
