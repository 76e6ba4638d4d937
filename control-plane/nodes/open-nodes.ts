import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../ports.ts';
import { Engines, type MakeEngine } from './engines.ts';
import { LocalNodes } from './local-nodes.ts';
import type { NodeSource } from './node-source.ts';
import { NodesNote } from './nodes-note.ts';

export interface NodesOptions {
  /** As somebody named it; absent: that of the state folder, which may come later. */
  readonly file: string | undefined;
  readonly folder: { readonly nodes: string; readonly nodesInUse: string };
  readonly makeEngine: MakeEngine;
  /** What nodes of this machine publish on where nothing else is said. */
  readonly publishOn?: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The nodes of the file that is named, otherwise of the state folder's; this machine's engine alone where there is none.
 * Rejects with `invalid_argument` where a file cannot be used.
 */
export async function openNodes({ file: named, folder, makeEngine, ...rest }: NodesOptions): Promise<NodeSource> {
  const file = named === undefined ? folder.nodes : path.resolve(named);
  const note = await NodesNote.open(folder.nodesInUse);
  const options = { ...rest, file, note, engines: new Engines(makeEngine, note) };
  if (named === undefined && !existsSync(file)) return LocalNodes.open(options);
  // Loaded only where there is a file: nothing else of a control plane needs YAML.
  const { ConfiguredNodes } = await import('./configured-nodes.ts');
  return ConfiguredNodes.open(options);
}
