import type { DeviceState, DeviceView, NodeState, NodeView, ServiceView } from '../../control-plane/views/views.ts';
import type { Style } from '../output.ts';
import type { Column } from './table.ts';
import { singleLine } from './text.ts';
import { formatAge, formatBytes, formatCpus } from './units.ts';

/** What the tables of nodes and devices show. Figures are what replicas hold, then all that there is for them. */
export function nodeColumns(nowMs: number): Column<NodeView>[] {
  return [
    { title: 'NODE', priority: 100, minWidth: 8, cell: n => n.name },
    { title: 'STATE', priority: 90, cell: n => stateInWords(n, nowMs), style: n => nodeStyle(n.state) },
    { title: 'REPLICAS', priority: 60, align: 'right', cell: n => String(n.replicas) },
    {
      title: 'CPUS',
      priority: 70,
      align: 'right',
      cell: n => share(n, formatCpus(n.heldCpus), formatCpus(offered(n).cpus)),
    },
    {
      title: 'MEMORY',
      priority: 65,
      align: 'right',
      cell: n => share(n, formatBytes(n.heldMemoryBytes), formatBytes(offered(n).memoryBytes)),
    },
    {
      title: 'GPUS',
      priority: 80,
      align: 'right',
      cell: n => share(n, String(heldDevices(n).length), String(givenDevices(n).length)),
    },
    { title: 'ADDRESS', priority: 40, minWidth: 9, cell: n => n.address },
    { title: 'LABELS', priority: 10, minWidth: 8, cell: n => labelsInWords(n.labels) },
  ];
}

export interface DeviceRow {
  readonly node: string;
  readonly device: DeviceView;
}

/** A column that would be empty all the way down is left out. */
export function deviceColumns(rows: readonly DeviceRow[], { withNode }: { withNode: boolean }): Column<DeviceRow>[] {
  const bytes = (value: number | undefined) => (value === undefined ? '' : formatBytes(value));
  const columns: (Column<DeviceRow> | false)[] = [
    withNode && { title: 'NODE', priority: 95, minWidth: 6, cell: r => r.node },
    { title: 'DEVICE', priority: 100, minWidth: 10, cell: r => r.device.id },
    { title: 'MODEL', priority: 75, minWidth: 8, cell: r => modelOf(r.device) },
    {
      title: 'DECLARED',
      priority: 60,
      align: 'right',
      cell: r => (r.device.declaredBytes === 0 ? '-' : formatBytes(r.device.declaredBytes)),
    },
    rows.some(r => r.device.measuredUsedBytes !== undefined) && {
      title: 'USED',
      priority: 50,
      align: 'right',
      cell: r => bytes(r.device.measuredUsedBytes),
    },
    { title: 'MEMORY', priority: 70, align: 'right', cell: r => bytes(r.device.memoryBytes) },
    {
      title: 'HELD BY',
      priority: 90,
      minWidth: 11,
      cell: r => heldBy(r.device),
      style: r => deviceStyle(r.device.state),
    },
  ];
  return columns.filter(column => column !== false);
}

/** What a person should know beyond the tables: why a node is silent, and why a device is given to nobody. */
export function nodeNotes(node: NodeView, nowMs: number): Note[] {
  const { name, error, driverTrouble } = node;
  return [
    ...(error === undefined ? [] : [{ text: `${name} is silent: ${singleLine(error)}`, style: 'red' as const }]),
    ...(driverTrouble === undefined
      ? []
      : [
          {
            text: `the GPU driver of ${name} could not be asked: ${singleLine(driverTrouble)}`,
            style: 'yellow' as const,
          },
        ]),
    ...deviceNotes(node, nowMs),
  ];
}

/** Why a node that is drained is not empty yet. */
export function drainNotes(nodes: readonly NodeView[], services: readonly ServiceView[]): Note[] {
  return nodes.flatMap(({ name, state }) => {
    if (state !== 'draining' && state !== 'leaving') return [];
    const stuck = services.filter(
      s => s.replicas.some(r => r.node === name && r.phase === 'ready') && s.replicas.some(r => r.phase === 'pending'),
    );
    return stuck.map(({ namespace, name: service }): Note => {
      const text = `${name} keeps ${namespace}/${service} until what is to take its place has one: outrigger why ${namespace}/${service}`;
      return { text, style: 'yellow' };
    });
  });
}

export function deviceNotes(node: NodeView, nowMs: number): Note[] {
  return [...untrustedNotes(node, nowMs), ...useNotes(node)];
}

/** Where replicas use a device they share other than they declare. */
function useNotes({ name, devices }: NodeView): Note[] {
  return devices.flatMap(({ use }): Note[] => {
    if (use === undefined || use.verdict === 'as_declared') return [];
    return [{ text: `${name}: ${singleLine(use.message)}`, style: use.verdict === 'overused' ? 'yellow' : 'dim' }];
  });
}

function untrustedNotes({ name, devices }: NodeView, nowMs: number): Note[] {
  return devices
    .filter(d => d.state === 'quarantined' || d.state === 'vanished')
    .map(({ id, state, message, quarantinedUntilMs }) => {
      const next = `To trust it at once: outrigger nodes undrain ${name} --device ${id}`;
      const what = state === 'vanished' ? 'has vanished' : `is quarantined${remaining(quarantinedUntilMs, nowMs)}`;
      const why = `${id} on ${name} ${what}: ${singleLine(message ?? '')}.`;
      return { text: state === 'quarantined' ? `${why} ${next}` : why, style: 'yellow' };
    });
}

/** ` for 8m more`; one whose time is over is trusted again once it is listed. */
function remaining(untilMs: number | undefined, nowMs: number): string {
  if (untilMs === undefined) return '';
  return untilMs > nowMs ? ` for ${formatAge(untilMs - nowMs)} more` : ' until it is listed';
}

export interface Note {
  readonly text: string;
  readonly style: Style;
}

function nodeStyle(state: NodeState): Style {
  switch (state) {
    case 'answering':
      return 'green';
    case 'silent':
      return 'red';
    case 'draining':
    case 'leaving':
      return 'cyan';
    case 'drained':
      return 'yellow';
    default:
      return state satisfies never;
  }
}

function deviceStyle(state: DeviceState): Style | undefined {
  switch (state) {
    case 'free':
      return 'green';
    case 'shared':
    case 'held':
      return undefined;
    case 'quarantined':
    case 'vanished':
      return 'yellow';
    default:
      return state satisfies never;
  }
}

/** `silent for 40s`, `draining for 2m`; a node that is well just says so. */
export function stateInWords(node: NodeView, nowMs: number): string {
  const sinceMs = node.state === 'silent' ? node.silentSinceMs : node.drainingSinceMs;
  const isLasting = node.state === 'silent' || node.state === 'draining';
  return isLasting && sinceMs !== undefined ? `${node.state} ${formatAge(nowMs - sinceMs)}` : node.state;
}

function share(node: NodeView, held: string, all: string): string {
  return isUnheardOf(node) ? '-' : `${held}/${all}`;
}

/** Of a node that was never heard of nothing is known. */
export function isUnheardOf({ cpus, answering }: NodeView): boolean {
  return cpus === 0 && !answering;
}

/** What replicas may have of the node. */
export function offered(node: NodeView): { readonly cpus: number; readonly memoryBytes: number } {
  return {
    cpus: Math.max(0, node.cpus - node.reservedCpus),
    memoryBytes: Math.max(0, node.memoryBytes - node.reservedMemoryBytes),
  };
}

export function labelsInWords(labels: NodeView['labels']): string {
  return Object.entries(labels)
    .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
    .join(' ');
}

function heldDevices(node: NodeView): readonly DeviceView[] {
  return givenDevices(node).filter(d => d.holders.length > 0);
}

/** Those that the node has; a MIG slice counts as one, and so does a device without slices. */
function givenDevices({ devices }: NodeView): readonly DeviceView[] {
  const sliced = new Set(devices.flatMap(d => d.slice?.of ?? []));
  const isSliced = ({ id, uuid }: DeviceView) => sliced.has(id) || (uuid !== undefined && sliced.has(uuid));
  return devices.filter(d => d.state !== 'vanished' && !(isSliced(d) && d.holders.length === 0));
}

/** The vendor stands in the device's id already. */
function modelOf({ model = '', slice }: DeviceView): string {
  return `${model.replace(/^(NVIDIA|AMD|Intel) /, '')} ${slice?.profile ?? ''}`.trim();
}

function heldBy({ holders, state }: DeviceView): string {
  const names = [...Map.groupBy(holders, h => `${h.namespace}/${h.service}`)].map(([service, same]) =>
    same.length === 1 ? service : `${service} ×${same.length}`,
  );
  const isPlain = state === 'shared' || (state === 'held' && holders.length > 0);
  return isPlain ? names.join(', ') : [state, ...names].join(', ');
}
