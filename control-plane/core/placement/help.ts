import { parseConstraint } from './constraints.ts';
import { gpusInWords } from './device-fit.ts';
import type { Asking } from './explain.ts';
import { freeing, sharing } from './holders-help.ts';
import { isBeyondHolding, isTooSmall } from './nearness.ts';
import type { Rejection } from './rejection.ts';

/** What a person can do about a lack. Words for it are made where it is shown. */
export type Help =
  | { readonly kind: 'name_engine' }
  | { readonly kind: 'inspect_nodes'; readonly nodes: readonly string[] }
  | { readonly kind: 'configure_nodes'; readonly nodes: readonly string[] }
  | { readonly kind: 'undrain'; readonly node: string }
  | { readonly kind: 'rewrite_constraint'; readonly constraint: string }
  | { readonly kind: 'give_label'; readonly constraint: string }
  | { readonly kind: 'drop_role'; readonly constraint: string }
  /** found: what the nodes have instead. */
  | { readonly kind: 'drop_platform'; readonly constraint: string; readonly found: readonly string[] }
  /** So that the nodes are taken as well. */
  | { readonly kind: 'drop_exclusion'; readonly constraint: string; readonly nodes: readonly string[] }
  | { readonly kind: 'name_node'; readonly name: string; readonly nodes: readonly string[] }
  /** The constraint means that node, which lacks something else. */
  | { readonly kind: 'meant_node'; readonly constraint: string; readonly node: string }
  /** nodes: that have it; none is an image to be built. connection: of a node that lacks it. */
  | {
      readonly kind: 'spread_image';
      readonly image: string;
      readonly nodes: string;
      readonly connection: string;
      readonly isNeverPulled: boolean;
    }
  /** isFromFile: the nodes without one are those of a nodes file. */
  | { readonly kind: 'add_gpu_node'; readonly isFromFile: boolean }
  /** what: in words, the GPUs that it has to have; null: any node. */
  | { readonly kind: 'add_node'; readonly what: string | null }
  | { readonly kind: 'ask_by_count' }
  | { readonly kind: 'ask_known_ids'; readonly ids: string }
  | { readonly kind: 'ask_what_is_there'; readonly found: readonly GpusFound[] }
  /** missing: the model that another node would have to have; null: one that is there may have it. */
  | { readonly kind: 'ask_known_models'; readonly models: readonly string[]; readonly missing: string | null }
  /** Another model would have room on that node at once. */
  | { readonly kind: 'allow_model'; readonly model: string; readonly node: string }
  | { readonly kind: 'lower_gpu_memory'; readonly mostBytes: number }
  /**
   * What the devices of these nodes are is not known. isDriverAsked: NVIDIA's driver would say so; isFromFile: they are nodes
   * of a nodes file.
   */
  | {
      readonly kind: 'describe_devices';
      readonly what: 'model' | 'memory';
      readonly nodes: readonly string[];
      readonly isDriverAsked: boolean;
      readonly isFromFile: boolean;
    }
  | { readonly kind: 'ask_fewer_gpus'; readonly most: number }
  | { readonly kind: 'find_vanished'; readonly node: string }
  /** since: by the Clock, when the device was taken out of use. */
  | { readonly kind: 'end_quarantine'; readonly node: string; readonly device: string; readonly since: number | null }
  /** isForEach: replicas of the service itself hold the rest, so that all of them have to ask for so little. */
  | { readonly kind: 'ask_fewer_cpus'; readonly most: number; readonly more: More; readonly isForEach?: boolean }
  | { readonly kind: 'ask_less_memory'; readonly mostBytes: number; readonly more: More; readonly isForEach?: boolean }
  | { readonly kind: 'raise_max_per_node' }
  | { readonly kind: 'publish_elsewhere'; readonly port: string }
  /** isAny: one of them is enough. */
  | { readonly kind: 'free_from'; readonly services: readonly string[]; readonly isAny?: true }
  /** They have to declare what they use of a device; and so has one of anyOf, where there is a choice. */
  | { readonly kind: 'declare_share'; readonly services: readonly string[]; readonly anyOf?: readonly string[] }
  | { readonly kind: 'declare_both' };

/** Who has more than what is to be asked for at most: others hold it, no node has, none of those that fail so, or some that lack something else as well. */
export type More = 'held' | 'nowhere' | 'not_on_these' | 'unfit';

export interface GpusFound {
  readonly what: string;
  readonly nodes: readonly string[];
}

/** Nodes that fail at the same constraint. */
export interface Failed {
  readonly closest: Rejection;
  /** The closest node first. */
  readonly group: readonly Rejection[];
  /** The rejections of these nodes' devices. */
  readonly devices: readonly Rejection[];
  /** What all nodes fail at. */
  readonly all: readonly Rejection[];
  readonly asking: Asking | undefined;
}

/** What a person can do, the simplest first; nothing where nothing of it would help. */
export function helpFor(failed: Failed): Help[] {
  const { closest, group, devices } = failed;
  const { constraint, requested, found } = closest;
  const free = closest.free ?? 0;
  const nodes = group.map(r => r.node);
  switch (constraint) {
    case 'no_node':
      return [{ kind: 'name_engine' }];
    case 'silent':
      return [{ kind: 'inspect_nodes', nodes }];
    case 'leaving':
      return [{ kind: 'configure_nodes', nodes }];
    case 'draining':
      return [...nodes.slice(0, MOST_ALIKE).map((node): Help => ({ kind: 'undrain', node })), ...addedNode(failed)];
    case 'unknown_constraint':
      return [{ kind: 'rewrite_constraint', constraint: String(requested) }];
    case 'label':
      return [labelHelp(failed)];
    case 'image':
      return imageHelp(failed);
    case 'gpu_missing':
      return missingHelp(failed);
    case 'gpu_id':
      return [found ? { kind: 'ask_known_ids', ids: found } : { kind: 'ask_by_count' }];
    case 'gpu_kind':
    case 'gpu_driver':
      return [{ kind: 'ask_what_is_there', found: whatIsThere(group) }];
    case 'gpu_model':
      return [...describing(failed), ...modelHelp(failed)];
    case 'gpu_memory':
      return [...describing(failed), ...(free > 0 ? [{ kind: 'lower_gpu_memory' as const, mostBytes: free }] : [])];
    case 'gpu_memory_left':
      return [...(free > 0 ? [{ kind: 'lower_gpu_memory' as const, mostBytes: free }] : []), ...freeing(failed)];
    case 'gpu_count':
      return [...describing(failed), ...(free > 0 ? [{ kind: 'ask_fewer_gpus' as const, most: free }] : [])];
    case 'gpu_vanished':
      return [{ kind: 'find_vanished', node: nodes[0]! }];
    case 'gpu_quarantined':
      return devices
        .filter(d => d.constraint === 'gpu_quarantined')
        .slice(0, MOST_ALIKE)
        .map(({ node, device = '', quarantinedSince: since = null }): Help => {
          return { kind: 'end_quarantine', node, device, since };
        });
    case 'gpu_held':
    case 'gpu_slices':
      return [...freeing(failed), ...sharing(failed)];
    case 'cpus':
      if (isTooSmall(closest)) {
        const most = mostThereIs(failed);
        return [{ kind: 'ask_fewer_cpus', most, more: whoHasMore(failed, most) }];
      }
      return [...lessOf(failed, CPUS), ...freeing(failed)];
    case 'memory':
      if (isTooSmall(closest)) {
        const mostBytes = mostThereIs(failed);
        return [{ kind: 'ask_less_memory', mostBytes, more: whoHasMore(failed, mostBytes) }];
      }
      return [...lessOf(failed, MEMORY), ...freeing(failed)];
    case 'max_per_node':
      return [{ kind: 'raise_max_per_node' }];
    case 'host_port':
      return [{ kind: 'publish_elsewhere', port: String(requested) }, ...freeing(failed)];
    default:
      return constraint satisfies never;
  }
}

/**
 * What would do on the closest node. Where its own service has some of that already, all its replicas ask for as much: those
 * that are there, and those that wait, as evenly over the nodes as may be.
 */
function lessOf({ closest, group, asking }: Failed, ask: (most: number, isForEach: boolean) => Help): Help[] {
  const { free = 0, own } = closest;
  if (!own) return free > 0 ? [ask(free, false)] : [];
  const coming = Math.ceil((asking?.waiting ?? 1) / new Set(group.map(r => r.node)).size);
  const most = (free + own.held) / (own.count + coming);
  return most > 0 ? [ask(most, true)] : [];
}

const CPUS = (most: number, isForEach: boolean): Help => ({ kind: 'ask_fewer_cpus', most, more: 'held', isForEach });
const MEMORY = (most: number, isForEach: boolean): Help => {
  return { kind: 'ask_less_memory', mostBytes: Math.floor(most), more: 'held', isForEach };
};

/** Of things to do that differ in a name only, so many are told. */
const MOST_ALIKE = 3;

/** Over all nodes that lack the same things as the closest one, which may be the closest for another of them. */
function mostThereIs({ closest, group, all }: Failed): number {
  const byNode = Map.groupBy(all, r => r.node);
  const lacks = (node: string) => (byNode.get(node) ?? []).map(r => r.constraint).join();
  const alike = group.filter(r => lacks(r.node) === lacks(closest.node));
  return Math.max(closest.total ?? 0, ...alike.map(r => r.total ?? 0));
}

/** Nodes that fail at something else may well have more. */
function whoHasMore({ group, all }: Failed, most: number): More {
  if (group.some(r => (r.total ?? 0) > most)) return 'unfit';
  const these = new Set(group.map(r => r.node));
  return all.every(r => these.has(r.node)) ? 'nowhere' : 'not_on_these';
}

/** A node's name, role and platform are what they are: nobody gives a node another one for the sake of a service. */
function labelHelp({ closest, group, all }: Failed): Help {
  const constraint = String(closest.requested);
  const parsed = parseConstraint(constraint);
  const attribute = parsed?.attribute.toLowerCase();
  if (!parsed || attribute === undefined || /^(node|engine)\.labels\./.test(attribute)) {
    return { kind: 'give_label', constraint };
  }
  if (attribute === 'node.role') return { kind: 'drop_role', constraint };
  if (attribute.startsWith('node.platform.')) {
    const found = new Set(group.flatMap(r => r.found || []));
    return { kind: 'drop_platform', constraint, found: [...found].sort() };
  }
  if (!parsed.equal) return { kind: 'drop_exclusion', constraint, nodes: group.map(r => r.node) };
  const nodes = [...new Set(all.map(r => r.node))].sort();
  const meant = nodes.find(name => name.toLowerCase() === parsed.value.toLowerCase());
  if (meant === undefined) return { kind: 'name_node', name: parsed.value, nodes };
  return { kind: 'meant_node', constraint, node: meant };
}

/** Nobody brings an image to nodes that cannot take the replica anyway, unless there are no others. */
function imageHelp({ group, all, asking }: Failed): Help[] {
  const isUnfit = ({ node }: Rejection) =>
    all.some(r => r.node === node && r.constraint !== 'image' && isBeyondHolding(r));
  const fit = group.find(r => !isUnfit(r));
  const lacking = new Set(group.map(r => r.node));
  if (fit === undefined && all.some(r => !lacking.has(r.node))) return [];
  const { requested, found = '', connection = '' } = fit ?? group[0]!;
  const isNeverPulled = asking === undefined || asking.spec.pullPolicy === 'never';
  return [{ kind: 'spread_image', image: String(requested), nodes: found, connection, isNeverPulled }];
}

/** A node without GPUs is no matter where others have some that may be had. */
function missingHelp(failed: Failed): Help[] {
  const { group, all } = failed;
  const without = new Set(group.map(r => r.node));
  if (all.some(r => !without.has(r.node))) return addedNode(failed);
  return [{ kind: 'add_gpu_node', isFromFile: isFromFile([...without]) }];
}

/** Without a nodes file there is one node only. */
function isFromFile(nodes: readonly string[]): boolean {
  return nodes.some(name => name !== LOCAL);
}

/** Where waiting helps nobody: every node has another lack than what others hold. */
function addedNode({ all, asking }: Failed): Help[] {
  const byNode = Map.groupBy(all, r => r.node);
  // One that is there may have it, as soon as that is known.
  if (all.some(mayFit) || ![...byNode.values()].every(some => some.some(isNoHolding))) return [];
  const gpu = asking?.spec.resources.gpu;
  return [{ kind: 'add_node', what: gpu ? gpusInWords(gpu) : null }];
}

function isNoHolding(rejection: Rejection): boolean {
  return rejection.constraint === 'draining' || isBeyondHolding(rejection);
}

/** The name of the only node where there is no nodes file. */
const LOCAL = 'local';

function modelHelp({ closest, devices, all }: Failed): Help[] {
  const known = devices.filter(d => d.constraint === 'gpu_model' && !d.isUnknown);
  const models = [...new Set(known.flatMap(d => d.found ?? []))];
  const missing = all.some(mayFit) ? null : String(closest.requested);
  return models.length === 0 ? [] : [{ kind: 'ask_known_models', models, missing }];
}

/** What its devices are is not known: one of them may be what is asked for. */
function mayFit({ constraint, isUnknown }: Rejection): boolean {
  return isUnknown === true && constraint.startsWith('gpu_');
}

/** How to have it known what the devices are. */
function describing({ group, devices }: Failed): Help[] {
  const nodes = group.filter(mayFit).map(r => r.node);
  if (nodes.length === 0) return [];
  const obscure = devices.filter(mayFit);
  return [
    {
      kind: 'describe_devices',
      what: obscure.some(d => d.constraint === 'gpu_model') ? 'model' : 'memory',
      nodes,
      isDriverAsked: obscure.some(d => d.found?.startsWith('nvidia.com/')),
      isFromFile: isFromFile(nodes),
    },
  ];
}

function whatIsThere(group: readonly Rejection[]): GpusFound[] {
  const alike = Map.groupBy(
    group.filter(r => r.found),
    r => r.found!,
  );
  return [...alike].map(([what, some]) => ({ what, nodes: some.map(r => r.node) }));
}
