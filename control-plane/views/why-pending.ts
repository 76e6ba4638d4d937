import type { Desired } from '../core/desired.ts';
import type { Observed } from '../core/observed.ts';
import type { PendingReason, UnmetDependency } from '../core/pending-reason.ts';
import { alternativesFor } from '../core/placement/alternatives.ts';
import type { Cluster } from '../core/placement/cluster.ts';
import { clusterOf } from '../core/placement/cluster-of.ts';
import { type Explanation, explain } from '../core/placement/explain.ts';
import type { Help } from '../core/placement/help.ts';
import type { Rejection } from '../core/placement/rejection.ts';
import type { PhaseOf, Replica } from '../core/replica.ts';
import type { ServiceKey, ServiceSpec } from '../core/spec.ts';
import { unmetDependencies } from '../core/waiting/unmet.ts';
import { helpInWords, type Moment } from './help-in-words.ts';
import { lackInWords, lackWith } from './lack-in-words.ts';
import { helpWith, isAboutOthers, pendingInWords } from './pending-in-words.ts';
import type { WhyGroupView } from './views.ts';

/** Why replicas of a service have no place: found out once for those that wait alike, however many they are. */
export class PendingReplicas {
  readonly #state: Desired;
  readonly #observed: Observed;
  readonly #moment: Moment;
  readonly #told = new Map<string, Reasons>();
  #cluster: Cluster | null = null;
  #byService: ReadonlyMap<ServiceKey, readonly Replica[]> | null = null;

  constructor(state: Desired, observed: Observed, moment: Moment) {
    this.#state = state;
    this.#observed = observed;
    this.#moment = moment;
  }

  reasonsOf(asked: AskedPending, phase: PhaseOf<'pending'>): Reasons {
    const likeness = likenessOf(asked.replica.generation, phase);
    const known = this.#told.get(likeness);
    if (known) return known;
    const reasons = this.#findReasons(asked, phase);
    this.#told.set(likeness, reasons);
    return reasons;
  }

  /** Dependencies come first: a place is looked for once they are met. */
  #findReasons(asked: AskedPending, phase: PhaseOf<'pending'>): Reasons {
    const { replica, spec, service } = asked;
    const [state, observed] = [this.#state, this.#observed];
    const ofService = (key: ServiceKey) => this.#replicasOf(key);
    const dependencies = unmetDependencies({ services: state.services, ofService }, spec);
    if (dependencies.length > 0) return { groups: dependencies.map(d => dependencyGroup(d, spec)) };
    const request = { replicaId: replica.id, service, spec, createdAt: replica.createdAt };
    this.#cluster ??= clusterOf(state, observed);
    const cluster = this.#cluster;
    const words = lackWith(node => cluster.rejectionsOn(node, request));
    const summary = phase.reasons.map(r => pendingInWords(r, words));
    const verdict = cluster.place(request);
    if (verdict.kind === 'placed') {
      const message = `there is room on ${verdict.placement.node} now`;
      return { groups: turns(summary.length > 0 ? summary : [message]) };
    }
    const specOf = (key: ServiceKey) => state.services.get(key)?.spec;
    const waiting = this.#replicasOf(service).filter(r => r.phase.kind === 'pending').length;
    const explained = explain(verdict.rejections, { service, spec, specOf, waiting });
    const driverTroubleOf = (node: string) => observed.nodes.get(node)?.driverTrouble;
    const inWords = (help: Help) => helpInWords(help, { ...this.#moment, driverTroubleOf });
    const alternatives = alternativesFor(cluster, request).map(inWords);
    const widened = explained.find(e => WIDENS.has(e.constraint));
    const groups = explained.map(
      ({ constraint, nodes, message, requested, free, total, heldBy, help }): WhyGroupView => ({
        constraint,
        nodes: nodes.filter(n => n !== ''),
        message: constraint === 'silent' ? silencesInWords(nodes, observed, message) : message,
        ...(requested === undefined ? {} : { requested }),
        ...(free === undefined ? {} : { free }),
        ...(total === undefined ? {} : { total }),
        heldBy,
        help: [
          ...(constraint === widened?.constraint ? alternatives : []),
          ...help.map(inWords),
          ...(constraint === 'silent' ? nextSteps(nodes, observed) : []),
        ],
      }),
    );
    return {
      groups: [
        ...phase.reasons.filter(isAboutOthers).map(othersGroup),
        ...groups,
        ...givenWay(spec, explained, specOf),
      ],
      rejections: verdict.rejections,
      ...(summary.length > 0 ? { summary } : {}),
    };
  }

  #replicasOf(key: ServiceKey): readonly Replica[] {
    this.#byService ??= Map.groupBy(this.#state.replicas.values(), r => r.service);
    return this.#byService.get(key) ?? [];
  }
}

export interface AskedPending {
  readonly replica: Replica;
  readonly spec: ServiceSpec;
  readonly service: ServiceKey;
}

export interface Reasons {
  readonly groups: readonly WhyGroupView[];
  readonly rejections?: readonly Rejection[];
  /** Absent: the groups' messages. */
  readonly summary?: readonly string[];
}

/** The same for replicas of a service that wait for a place for the same reasons. */
export function likenessOf(generation: number, { reasons }: PhaseOf<'pending'>): string {
  return JSON.stringify([generation, reasons]);
}

/** What another model of GPU helps against; where the model itself is missing, the help names others anyway. */
const WIDENS: ReadonlySet<string> = new Set([
  'gpu_memory_left',
  'gpu_held',
  'gpu_slices',
  'gpu_quarantined',
  'gpu_count',
]);

function othersGroup(reason: PendingReason): WhyGroupView {
  const heldBy = reason.kind === 'held_by_lower' ? reason.services : [];
  const constraint = reason.kind === 'held_by_lower' || reason.kind === 'image_first' ? reason.kind : 'turn';
  return { ...plain(constraint, pendingInWords(reason, lackInWords)), heldBy, help: helpWith(reason) };
}

/** What may have no replicas gives way to what is more important, and waits as long as that is there. */
function givenWay(
  spec: ServiceSpec,
  explained: readonly Pick<Explanation, 'heldBy'>[],
  specOf: (service: ServiceKey) => ServiceSpec | undefined,
): WhyGroupView[] {
  if (spec.replicas.min > 0) return [];
  const holders = [...new Set(explained.flatMap(e => e.heldBy))].filter(
    key => (specOf(key)?.priority ?? 0) > spec.priority,
  );
  if (holders.length === 0) return [];
  const message = `gives way to ${holders.join(', ')}, of higher priority, as long as ${holders.length === 1 ? 'that is' : 'those are'} there`;
  return [{ ...plain('gives_way', message), heldBy: holders }];
}

/** What others have to do before it is placed. */
function turns(reasons: readonly string[]): WhyGroupView[] {
  return reasons.map(message => plain('turn', message));
}

export function plain(constraint: string, message: string): WhyGroupView {
  return { constraint, nodes: [], message, heldBy: [], help: [] };
}

/** What their engines say to do, and on which of them where there are several. */
function nextSteps(nodes: readonly string[], observed: Observed): string[] {
  const told = nodes.flatMap(name => {
    const next = observed.nodes.get(name)?.next;
    return next === undefined ? [] : [{ name, next }];
  });
  return [...Map.groupBy(told, ({ next }) => next)]
    .slice(0, MOST_NEXT_STEPS)
    .map(([next, some]) => (nodes.length === 1 ? next : `${namesInWords(some.map(s => s.name))}: ${next}`));
}

/** Each may be away for a reason of its own. @param message of the closest */
function silencesInWords(nodes: readonly string[], observed: Observed, message: string): string {
  const errors = [...Map.groupBy(nodes, name => observed.nodes.get(name)?.error ?? 'no listing yet')];
  if (errors.length < 2) return message;
  const shown = errors.slice(0, MOST_SILENCES);
  const left = errors.slice(MOST_SILENCES).reduce((sum, [, some]) => sum + some.length, 0);
  const more = left === 0 ? '' : `; and ${left} more ${left === 1 ? 'node' : 'nodes'}`;
  return `no answer: ${shown.map(([error, some]) => `${namesInWords(some)}: ${error}`).join('; ')}${more}`;
}

function namesInWords(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return `${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}

function dependencyGroup(unmet: UnmetDependency, { namespace }: ServiceSpec): WhyGroupView {
  return {
    ...plain('dependency', pendingInWords(unmet, lackInWords)),
    help: [`outrigger why ${namespace}/${unmet.service} says what that one waits for`],
  };
}

const MOST_NEXT_STEPS = 3;
const MOST_SILENCES = 3;
const MOST_NAMES = 3;
