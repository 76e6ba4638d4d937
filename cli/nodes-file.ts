import path from 'node:path';
import { NO_NODES_FILE } from '../control-plane/nodes/no-nodes-file.ts';
import type { StatusView } from '../control-plane/views/views.ts';

/** A nodes file as it is named from here: absolute, or the word for none. */
export function nodesFileAt(cwd: string, named: string): string {
  return named === NO_NODES_FILE ? named : path.resolve(cwd, named);
}

/** The nodes file in use and why it is this one, for people. */
export function nodesFileLine({ nodesFile, nodesFileFrom }: StatusView): string {
  if (nodesFile === undefined) return "no nodes file: this machine's engine alone";
  return nodesFileFrom === 'last_start' ? `${nodesFile}, the file of the last start, as none is named` : nodesFile;
}

/**
 * What to tell somebody who names nodes by OUTRIGGER_NODES to a control plane that runs already, and has others; null: they
 * are those that it has.
 */
export function otherNodesWarning(
  status: StatusView,
  { named, stateNodes, cwd }: { named: string; stateNodes: string; cwd: string },
): string | null {
  const wanted = nodesFileAt(cwd, named);
  const { nodesFile, pid } = status;
  if (wanted === (nodesFile ?? NO_NODES_FILE)) return null;
  const [uses, instead] =
    nodesFile === undefined
      ? ["this machine's engine alone", `put the nodes into ${stateNodes}, which is read at once`]
      : [nodesFile, `write the nodes into ${nodesFile}, which is read at once`];
  return `OUTRIGGER_NODES=${named} has no effect: a control plane runs already and uses ${uses}. To use it, end that one (kill ${pid}; services run on) and run this again; or ${instead}.`;
}
