import { neededBytesInWords } from '../core/bytes-in-words.ts';
import { nearestFirst } from '../core/placement/nearness.ts';
import { lackKey, type NodesLack, type Rejection } from '../core/placement/rejection.ts';

/** What nodes lack for a replica, in words, without their names. */
export type LackWords = (lack: NodesLack) => string;

/**
 * With what the nodes have at present: of the named one that comes closest, where it is not one alone that is named too.
 * @param rejectionsOn what a node lacks at present for the replica; empty: nothing, or it is not there any more
 */
export function lackWith(rejectionsOn: (node: string) => readonly Rejection[]): LackWords {
  return lack => {
    const { nodes, count } = lack;
    const all = nodes.flatMap(rejectionsOn);
    const alike = all.filter(r => r.device === undefined && lackKey(r) === lackKey(lack));
    const near = nearestFirst(all).find(node => alike.some(r => r.node === node));
    const closest = alike.find(r => r.node === near);
    // What it was when a place was looked for may be over.
    if (!closest) return lackInWords(lack);
    const differ = count > nodes.length || alike.some(r => r.message !== closest.message);
    return count > 1 && differ ? `${closest.message} (on ${closest.node})` : closest.message;
  };
}

/** As far as it is known of the lack alone, whatever the nodes have at present. */
export function lackInWords({ constraint, requested = '' }: NodesLack): string {
  const gpus = `needs ${requested} ${requested === 1 ? 'GPU' : 'GPUs'}`;
  const bytes = neededBytesInWords(Number(requested));
  switch (constraint) {
    case 'no_node':
      return 'no node is known yet';
    case 'silent':
      return 'no answer';
    case 'leaving':
      return 'not configured any more';
    case 'draining':
      return 'drained: takes no new replicas';
    case 'unknown_constraint':
      return `cannot judge the constraint "${requested}"`;
    case 'label':
      return `the constraint "${requested}" is not met`;
    case 'image':
      return `the image ${requested} is not there`;
    case 'gpu_missing':
      return `${gpus}, and no GPU is known on this node`;
    case 'gpu_id':
      return `device ${requested} does not exist`;
    case 'gpu_kind':
      return `needs a GPU of kind ${requested}`;
    case 'gpu_driver':
      return `needs a GPU by driver ${requested}`;
    case 'gpu_model':
      return `needs a GPU of model ${requested}`;
    case 'gpu_memory':
      return `needs a GPU with ${bytes}`;
    case 'gpu_memory_left':
      return `needs ${bytes} of a GPU, none has so much left`;
    case 'gpu_count':
      return `${gpus}, fewer fit`;
    case 'gpu_vanished':
      return `${gpus}, some are not listed any more`;
    case 'gpu_quarantined':
      return `${gpus}, too few are out of quarantine`;
    case 'gpu_held':
    case 'gpu_slices':
      return `${gpus}, too few are free`;
    case 'cpus':
      return `needs ${requested} CPUs, fewer are free`;
    case 'memory':
      return `needs ${bytes} of memory, less is free`;
    case 'max_per_node':
      return 'as many replicas of the service as are wanted per node are there already';
    case 'host_port':
      return `host port ${requested} is taken by another replica`;
    default:
      return constraint satisfies never;
  }
}
