import { homedir } from 'node:os';
import path from 'node:path';

/** Where one control plane keeps what must outlive it. One control plane runs on one state folder. */
export interface StateFolder {
  /** Made with mode 0700. */
  readonly folder: string;
  readonly database: string;
  /** The API's unix socket, mode 0600. */
  readonly socket: string;
  /** What a control plane that was started in the background writes; `.1` beside it is what was there before. */
  readonly log: string;
  /** Folders of the projects that `up` brought up here, a JSON string a line. */
  readonly bindFolders: string;
  /** The nodes, where no other file is named. */
  readonly nodes: string;
  /** Which nodes were in use when the last control plane ended. */
  readonly nodesInUse: string;
}

/**
 * `--state` or OUTRIGGER_STATE, otherwise `outrigger` in the user's state folder (XDG_STATE_HOME, ~/.local/state).
 * A unix socket's path may not exceed 107 bytes, so a state folder that lies too deep is refused by `serve`.
 */
export function stateFolder(environment: NodeJS.ProcessEnv, chosen?: string): StateFolder {
  const folder = path.resolve(
    chosen ??
      environment['OUTRIGGER_STATE'] ??
      path.join(environment['XDG_STATE_HOME'] ?? path.join(homedir(), '.local', 'state'), 'outrigger'),
  );
  return {
    folder,
    database: path.join(folder, 'state.db'),
    socket: path.join(folder, 'control.sock'),
    log: path.join(folder, 'control-plane.log'),
    bindFolders: path.join(folder, 'bind-folders.jsonl'),
    nodes: path.join(folder, 'nodes.yaml'),
    nodesInUse: path.join(folder, 'nodes-in-use.json'),
  };
}

/** Longest path that a unix socket can have on Linux, in bytes. */
export const MAX_SOCKET_PATH_BYTES = 107;
