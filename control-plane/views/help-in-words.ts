import { bytesInWords } from '../core/bytes-in-words.ts';
import type { GpusFound, Help, More } from '../core/placement/help.ts';
import { remainingInWords } from './remaining-in-words.ts';

export interface Moment {
  /** By the Clock. */
  readonly now: number;
  readonly quarantineMs: number;
  /** Why the GPU driver of a node could not be asked, in words; undefined: it could, or nobody is to ask it. */
  readonly driverTroubleOf?: (node: string) => string | undefined;
}

/** What a person can do about a lack, as an imperative. */
export function helpInWords(help: Help, { now, quarantineMs, driverTroubleOf = () => undefined }: Moment): string {
  switch (help.kind) {
    case 'name_engine':
      return 'name a Docker engine in the nodes file, or start the one of this machine';
    case 'inspect_nodes':
      return `see what is wrong with ${listed(help.nodes)}: outrigger nodes inspect ${help.nodes[0]}`;
    case 'configure_nodes':
      return `put ${listed(help.nodes)} back into the nodes file, or add another node`;
    case 'undrain':
      return `undrain node ${help.node}: outrigger nodes undrain ${help.node}`;
    case 'rewrite_constraint':
      return `write the constraint "${help.constraint}" over node.labels or node.hostname`;
    case 'give_label':
      return `give a node a label that meets "${help.constraint}" in the nodes file, or change deploy.placement.constraints`;
    case 'drop_role':
      return `${dropping(help.constraint)}: every node here is a worker`;
    case 'drop_platform':
      return help.found.length === 0
        ? `${dropping(help.constraint)}: of what platform the nodes are is not known`
        : `${dropping(help.constraint)} where the image runs on ${listed(help.found)} too, or add a node that meets it`;
    case 'drop_exclusion':
      return `${dropping(help.constraint)} to have ${listed(help.nodes)} taken as well`;
    case 'name_node':
      return `there is no node ${help.name}; there ${help.nodes.length === 1 ? 'is' : 'are'} ${listed(help.nodes)}`;
    case 'meant_node':
      return `that is ${help.node}: see what it lacks, or ${dropping(help.constraint)}`;
    case 'spread_image':
      return spreadingInWords(help);
    case 'add_gpu_node': {
      const [doctor, where] = help.isFromFile
        ? ['outrigger doctor --nodes FILE', 'these']
        : ['outrigger doctor', 'this one'];
      return `add a node that has a GPU, or see with ${doctor} why none is found on ${where}`;
    }
    case 'add_node':
      return help.what === null ? 'add another node' : `add a node that has ${help.what}`;
    case 'ask_by_count':
      return 'ask for a count of GPUs instead of ids';
    case 'ask_known_ids':
      return `ask for one of ${help.ids}, or for a count instead`;
    case 'ask_what_is_there':
      return `ask for what there is: ${foundInWords(help.found)}`;
    case 'ask_known_models': {
      const models = help.models.slice(0, NAMED).join(' or ');
      return help.missing === null
        ? `ask for ${models}`
        : `ask for ${models}, or add a node that has a GPU of model ${help.missing}`;
    }
    case 'allow_model':
      return `allow ${help.model} as well in x-outrigger.gpu.models: there is room on ${help.node}`;
    case 'lower_gpu_memory':
      return `lower x-outrigger.gpu.memory to at most ${bytesInWords(help.mostBytes)}`;
    case 'describe_devices':
      return describingInWords(help, driverTroubleOf);
    case 'ask_fewer_gpus':
      return `ask for at most ${help.most} ${help.most === 1 ? 'GPU' : 'GPUs'}, or add a node that has more`;
    case 'find_vanished':
      return `see why a GPU is not listed any more: outrigger nodes inspect ${help.node}`;
    case 'end_quarantine': {
      const leftMs = help.since === null ? 0 : help.since + quarantineMs - now;
      const end = leftMs > 0 ? `ends in ${remainingInWords(leftMs)}` : 'ends';
      return `wait until its quarantine ${end}, or end it: outrigger nodes undrain ${help.node} --device ${help.device}`;
    }
    case 'ask_fewer_cpus':
      return `ask for at most ${cpusInWords(Math.floor(help.most * 1_000) / 1_000)}${forEach(help)}${moreInWords(help.more)}`;
    case 'ask_less_memory':
      return `ask for at most ${bytesInWords(help.mostBytes)} of memory${forEach(help)}${moreInWords(help.more)}`;
    case 'raise_max_per_node':
      return 'raise deploy.placement.max_replicas_per_node, lower the number of replicas, or add a node';
    case 'publish_elsewhere':
      return `publish another port than ${help.port}, or let the engine choose one`;
    case 'free_from':
      if (help.isAny) return `stop or scale down ${help.services.slice(0, NAMED).join(' or ')}: one of them is enough`;
      return `stop or scale down ${listed(help.services)}, which hold${help.services.length === 1 ? 's' : ''} it`;
    case 'declare_share':
      return `declare x-outrigger.gpu.memory for ${sharersInWords(help)}, so that they may share`;
    case 'declare_both':
      return 'declare x-outrigger.gpu.memory on both sides, so that they may share';
    default:
      return help satisfies never;
  }
}

function sharersInWords({ services, anyOf = [] }: Extract<Help, { kind: 'declare_share' }>): string {
  const one = anyOf.slice(0, NAMED).join(' or ');
  return [...services.slice(0, NAMED), ...(one === '' ? [] : [`for ${one}`])].join(' and ').replace(/^for /, '');
}

function spreadingInWords({
  image,
  nodes,
  connection,
  isNeverPulled,
}: Extract<Help, { kind: 'spread_image' }>): string {
  if (nodes === '') return `no node has the image ${image}: check its name, or build it`;
  const host = connection === '' ? 'ADDRESS' : connection;
  const pull = isNeverPulled ? ', and let it be pulled (pull_policy: missing)' : '';
  return `the image ${image} is on ${nodes}: bring it there as well (docker save ${image} | docker --host ${host} load), or push it to a registry${pull}`;
}

function describingInWords(
  { what, nodes, isDriverAsked, isFromFile }: Extract<Help, { kind: 'describe_devices' }>,
  troubleOf: (node: string) => string | undefined,
): string {
  const unknown = `the ${what} of the devices of ${listed(nodes)} is not known`;
  const node = isDriverAsked ? nodes.find(name => troubleOf(name) !== undefined) : undefined;
  if (node !== undefined) {
    const where = isFromFile ? 'state the devices in the nodes file' : 'state its devices in a nodes file';
    return `${unknown}, as the GPU driver of ${node} could not be asked (${troubleOf(node)}): mend that, or ${where}`;
  }
  if (!isFromFile) {
    const doctor = isDriverAsked ? "see with outrigger doctor why NVIDIA's driver does not tell it, or " : '';
    return `${unknown}: ${doctor}state its devices in a nodes file`;
  }
  const probe = isDriverAsked ? 'set gpu_probe_image there in the nodes file, or ' : '';
  return `${unknown}: ${probe}state the devices in the nodes file`;
}

function cpusInWords(cpus: number): string {
  return `${cpus} ${cpus === 1 ? 'CPU' : 'CPUs'}`;
}

function forEach({ isForEach = false }: { readonly isForEach?: boolean }): string {
  return isForEach ? ' for each replica' : '';
}

function dropping(constraint: string): string {
  return `drop "${constraint}" from deploy.placement.constraints`;
}

function moreInWords(more: More): string {
  switch (more) {
    case 'held':
      return '';
    case 'nowhere':
      return ': no node here has more';
    case 'not_on_these':
      return ': none of these nodes has more';
    case 'unfit':
      return ': those that have more lack something else as well';
    default:
      return more satisfies never;
  }
}

/** `4 × H100 with 80 GiB (gpu-a, gpu-b)`. */
function foundInWords(found: readonly GpusFound[]): string {
  return found
    .slice(0, NAMED)
    .map(({ what, nodes }) => `${what} (${listed(nodes)})`)
    .join('; ');
}

function listed(names: readonly string[]): string {
  const some = names.slice(0, NAMED).join(', ');
  return names.length > NAMED ? `${some} and ${names.length - NAMED} more` : some;
}

const NAMED = 3;
