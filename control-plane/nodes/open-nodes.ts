import type { Logger } from 'pino';
import type { Clock } from '../ports.ts';
import { chooseFile } from './choose-file.ts';
import { Engines, type MakeEngine } from './engines.ts';
import { LocalNodes } from './local-nodes.ts';
import { NO_NODES_FILE } from './no-nodes-file.ts';
import type { NodeSource } from './node-source.ts';
import { NodesNote } from './nodes-note.ts';

export interface NodesOptions {
  /** As somebody named it; NO_NODES_FILE: none; absent: the one of the last start, or that of the state folder, which may come later. */
  readonly file: string | undefined;
  readonly folder: { readonly nodes: string; readonly nodesInUse: string };
  readonly makeEngine: MakeEngine;
  /** What nodes of this machine publish on where nothing else is said. */
  readonly publishOn?: string;
  readonly environment: NodeJS.ProcessEnv;
  /** How long a version of the file that takes nodes away has to stay as it is before it counts. */
  readonly confirmMs?: number;
  /** Fires when nobody waits for the start any more. */
  readonly signal?: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The nodes of the file that is named, otherwise of the one that was used last, so that a start by which nobody thought of
 * the nodes takes none away; otherwise of the state folder's, and this machine's engine alone where there is none.
 * Rejects with `invalid_argument` where a file cannot be used.
 */
export async function openNodes({ file: named, folder, makeEngine, ...rest }: NodesOptions): Promise<NodeSource> {
  const note = await NodesNote.open(folder.nodesInUse);
  const common = { ...rest, note, engines: new Engines(makeEngine, note) };
  const chosen = named === NO_NODES_FILE ? null : chooseFile(named, folder.nodes, note);
  if (chosen === null) return LocalNodes.open({ ...common, file: folder.nodes, isAlone: named === NO_NODES_FILE });
  const { path: file, from } = chosen;
  if (from === 'last_start') {
    rest.log.warn(
      { file },
      `no nodes file is named; the one of the last start is used (--nodes ${NO_NODES_FILE}: this machine's engine alone)`,
    );
  }
  // Loaded only where there is a file: nothing else of a control plane needs YAML.
  const { ConfiguredNodes } = await import('./configured-nodes.ts');
  return ConfiguredNodes.open({ ...common, file, from });
}
