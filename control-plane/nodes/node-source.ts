import type { NodePolicy } from '../core/node.ts';
import type { Member } from '../ports.ts';

/** Where the control plane has its nodes from. */
export interface NodeSource {
  inUse(): NodesInUse;
  /** The nodes file in use; null: there is none. */
  file(): NodesFileInUse | null;
  /** What is wrong with the newest version of the nodes file, or with what it names, a line for each; null: nothing is. */
  problem(): string | null;
  /** Paths that lead to the engines or say which there are, and that no container may have. */
  hiddenPaths(): readonly string[];
  /**
   * Tells of other nodes, until close().
   * @param isVacant whether a node holds nothing that is lost where another engine takes its place
   */
  follow(onChange: (nodes: NodesInUse) => void, isVacant?: (node: string) => boolean): void;
  /** Reads the nodes file and everything it names now, as when it had changed. */
  reread(): void;
  close(): Promise<void>;
}

export interface NodesFileInUse {
  /** Absolute. */
  readonly path: string;
  readonly from: NodesFileFrom;
}

/** Who says that it is this file: whoever started the control plane, the state folder, or the last start, as nobody else does. */
export type NodesFileFrom = 'named' | 'state_folder' | 'last_start';

export interface NodesInUse {
  readonly members: readonly Member[];
  readonly policy: NodePolicy;
}
