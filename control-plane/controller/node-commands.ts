import { OutriggerError } from '../core/errors.ts';
import { currentId, isCalled, isEmptyRecord, type NodeRecord, quarantinedDevice } from '../core/node.ts';
import type { NameChanges } from '../core/nodes/name-changes.ts';
import { renameNodes } from '../core/nodes/rename-nodes.ts';
import type { Observed, ObservedNode } from '../core/observed.ts';
import type { Change, Event } from '../ports.ts';
import type { Step } from './commands.ts';
import type { DesiredState } from './desired-state.ts';

/** What people and programs may decide about a node, as steps from one desired state to changes of it. Pure. */
export interface NodeRequest {
  readonly state: DesiredState;
  readonly nodes: Observed['nodes'];
  readonly name: string;
  readonly now: number;
}

/** It takes no replicas from now on and gives its own away. One that is drained already stays so. */
export function drainNode({ state, nodes, name, now }: NodeRequest): Step<void> {
  existingNode(nodes, name);
  const record = recordOf(state, name);
  if (record.drainingSince !== null) return unchanged;
  return {
    changes: [
      put({ ...record, drainingSince: now }),
      told({ at: now, node: name, type: 'node.draining', message: 'takes no more replicas and gives its own away' }),
    ],
    result: undefined,
  };
}

/** It takes replicas again; quarantined devices stay what they are. */
export function undrainNode({ state, nodes, name, now }: NodeRequest): Step<void> {
  existingNode(nodes, name);
  const record = recordOf(state, name);
  if (record.drainingSince === null) return unchanged;
  return {
    changes: [
      put({ ...record, drainingSince: null }),
      told({ at: now, node: name, type: 'node.undrained', message: 'takes replicas again' }),
    ],
    result: undefined,
  };
}

/** A quarantined device, called by its id, index or UUID, is given to replicas again. */
export function releaseDevice({ state, nodes, name, now, device }: NodeRequest & { device: string }): Step<void> {
  const node = existingNode(nodes, name);
  const record = recordOf(state, name);
  const listed = [...node.devices, ...node.vanished];
  const id =
    listed.find(d => isCalled(d, device))?.id ?? record.quarantined.find(q => q.device === device)?.device ?? null;
  if (id === null) {
    throw new OutriggerError('not_found', `node ${name} has no device ${device}`, {
      next: listed.length > 0 ? `it has ${listed.map(d => d.id).join(', ')}` : 'it has none; see outrigger nodes',
    });
  }
  const quarantined = record.quarantined.filter(q => q.device !== id && currentId(node, quarantinedDevice(q)) !== id);
  if (quarantined.length === record.quarantined.length) return unchanged;
  return {
    changes: [
      put({ ...record, quarantined }),
      told({ at: now, node: name, type: 'device.released', message: `${id} is given to replicas again` }),
    ],
    result: undefined,
  };
}

/** Nodes have other names now; of those that are there it is told. */
export function renamingOf(
  state: DesiredState,
  { changes, nodes, now }: { changes: NameChanges; nodes: Observed['nodes']; now: number },
): Change[] {
  const { services } = state;
  const events = [...changes.goesOn, ...changes.deprived].flatMap(([before, node]) => {
    const message = `it was called ${before} before; its replicas and what was decided about it stay`;
    return nodes.has(node) ? [told({ at: now, node, type: 'node.renamed', message })] : [];
  });
  return [...state.changesTo({ services, ...renameNodes(state, changes) }), ...events];
}

/**
 * By which way each node was found under its name, where that is not stored yet. It is stored with what is stored of the
 * node, so that no crash parts a name from its machine; and a way that never led to an answer may be a slip.
 */
export function connectionsOf(state: DesiredState, nodes: Observed['nodes']): Change[] {
  return [...nodes.values()].flatMap(({ name, answering, connection }) => {
    const record = recordOf(state, name);
    return answering && record.connection !== connection ? [put({ ...record, connection })] : [];
  });
}

const unchanged: Step<void> = { changes: [], result: undefined };

function existingNode(nodes: Observed['nodes'], name: string): ObservedNode {
  const node = nodes.get(name);
  if (node) return node;
  throw new OutriggerError('not_found', `there is no node ${name}`, {
    next: nodes.size > 0 ? `there are ${[...nodes.keys()].sort().join(', ')}` : 'no node is known yet',
  });
}

function recordOf(state: DesiredState, name: string): NodeRecord {
  return state.nodes.get(name) ?? { name, drainingSince: null, quarantined: [] };
}

/** A node of which there is nothing to know has no record. */
function put(node: NodeRecord): Change {
  return isEmptyRecord(node) ? { kind: 'delete_node', name: node.name } : { kind: 'put_node', node };
}

function told(event: Event): Change {
  return { kind: 'event', event };
}
