import type { Desired } from '../core/desired.ts';
import type { TurnReason } from '../core/nodes/device-turns.ts';
import type { Observed, ObservedNode } from '../core/observed.ts';
import { nearestFirst } from '../core/placement/nearness.ts';
import type { Rejection } from '../core/placement/rejection.ts';
import { serviceKey } from '../core/spec.ts';
import { bringImage } from './bring-image.ts';
import type { Moment } from './help-in-words.ts';
import { neverIdle } from './never-idle.ts';
import { causeOf, type Judged, turnsIn } from './phase-in-words.ts';
import { turnGroup } from './turn-in-words.ts';
import type { RejectionView, ReplicaView, ServiceView, WhyGroupView, WhyReplicaView, WhyView } from './views.ts';
import { type AskedPending, likenessOf, PendingReplicas, plain, type Reasons } from './why-pending.ts';

/**
 * Why the replicas of a service are where they are, and what those wait for that are not ready: for a place, with the
 * reason of every node; for a service that they depend on; for the end of a back-off; or for whatever their phase waits
 * for. Pure.
 * @param shown the service as describeServices shows it
 */
export function whyService(
  shown: ServiceView,
  {
    state,
    observed,
    moment,
  }: {
    readonly state: Desired;
    readonly observed: Observed;
    readonly moment: Moment & Judged;
  },
): WhyView {
  const { namespace, name, message } = shown;
  const key = serviceKey(shown);
  const pending = new PendingReplicas(state, observed, moment);
  const turns = turnsIn(state, observed, moment).waiting;
  const asked = shown.replicas.flatMap((view): Asked[] => {
    const replica = state.replicas.get(view.id);
    const spec = replica && state.specOf(replica.service, replica.generation);
    if (!replica || !spec) return [];
    return [
      {
        view,
        isReplaced: view.phase === 'lost' && shown.state === 'ready',
        replica,
        spec,
        service: key,
        observed,
        moment,
        pending,
        turn: turns.get(view.id),
      },
    ];
  });
  const replicas = [...Map.groupBy(asked, kindOf).values()].flatMap(alike => {
    const told = alike.slice(0, MOST_ALIKE);
    const more = moreGroups(alike[0]!, alike.length - told.length);
    // Those that wait alike for a place are told of together, and all others one by one.
    return told.map((a, i) => whyReplica(a, isPending(a) || i === told.length - 1 ? more : []));
  });
  const waiting = asked.filter(isWaiting).length;
  return { namespace, name, state: shown.state, message, total: asked.length, waiting, replicas };
}

/** Of those that are alike so many are told of, that an answer is of a size that can be sent. */
const MOST_ALIKE = 20;

/** Of each kind a few are told of: those that wait for a place for the same reasons, or are in the same phase. */
function kindOf({ replica, view, observed }: Asked): string {
  const { phase } = replica;
  if (phase.kind === 'pending') return likenessOf(replica.generation, phase);
  const isSilent = view.node !== undefined && observed.nodes.get(view.node)?.answering === false;
  return JSON.stringify([view.phase, view.impaired, isSilent]);
}

function moreGroups(first: Asked, left: number): WhyGroupView[] {
  if (left <= 0) return [];
  const [replicas, wait, are] = left === 1 ? ['replica', 'waits', 'is'] : ['replicas', 'wait', 'are'];
  const so = isPending(first)
    ? `${wait} so`
    : `${are} ${first.view.impaired ? 'ready and impaired' : first.view.phase}`;
  return [plain('more', `${left} more ${replicas} ${so}`)];
}

function isPending({ replica }: Asked): boolean {
  return replica.phase.kind === 'pending';
}

const MOST_REJECTIONS = 25;

interface Asked extends AskedPending {
  readonly view: ReplicaView;
  /** It is lost, and as many as are wanted serve without it. */
  readonly isReplaced: boolean;
  readonly observed: Observed;
  readonly moment: Moment;
  readonly pending: PendingReplicas;
  /** What it waits for on devices that it shares. */
  readonly turn: TurnReason | undefined;
}

/** @param more what is said of others that wait alike */
function whyReplica(asked: Asked, more: readonly WhyGroupView[]): WhyReplicaView {
  const { view } = asked;
  const { groups: reasons, rejections = [], summary } = reasonsOf(asked);
  const left = rejections.length - MOST_REJECTIONS;
  const { id, generation, phase, impaired, sinceMs, purpose, node, devices, retryAtMs } = view;
  const groups = [...(purpose === undefined ? [] : [plain('move', purpose)]), ...reasons, ...more];
  return {
    id,
    generation,
    phase,
    impaired,
    sinceMs,
    waiting: isWaiting(asked),
    ...(node === undefined ? {} : { node }),
    devices,
    ...(retryAtMs === undefined ? {} : { retryAtMs }),
    summary: [
      ...(summary ?? groups.map(g => g.message)),
      ...(left > 0 ? [`${left} more ${left === 1 ? 'reason' : 'reasons'} of single nodes and devices`] : []),
    ],
    groups,
    rejections: nearest(rejections).map(rejectionView),
  };
}

/** As many as are shown, those of the nodes that come closest first where there are more. */
function nearest(rejections: readonly Rejection[]): readonly Rejection[] {
  if (rejections.length <= MOST_REJECTIONS) return rejections;
  const byNode = Map.groupBy(rejections, r => r.node);
  return nearestFirst(rejections)
    .flatMap(node => byNode.get(node) ?? [])
    .slice(0, MOST_REJECTIONS);
}

function isWaiting({ view: { phase, impaired }, isReplaced }: Pick<Asked, 'view' | 'isReplaced'>): boolean {
  switch (phase) {
    case 'pending':
    case 'pulling':
    case 'creating':
    case 'starting':
    case 'warming':
    case 'backoff':
    case 'failed':
      return true;
    case 'lost':
      return !isReplaced;
    case 'ready':
      return impaired;
    case 'draining':
    case 'stopping':
    case 'stopped':
      return false;
    default:
      return phase satisfies never;
  }
}

function reasonsOf(asked: Asked): Reasons {
  const { replica, view, observed } = asked;
  const { phase } = replica;
  if (phase.kind === 'pending') return asked.pending.reasonsOf(asked, phase);
  const silent = 'placement' in phase ? silentNode(observed.nodes.get(phase.placement.node)) : [];
  if (asked.turn) return { groups: [...silent, turnGroup(asked.turn)] };
  switch (phase.kind) {
    case 'pulling':
      return one('pulling', imageInWords(asked), silent, view);
    case 'creating':
      return one('creating', view.message || 'its container is being created', silent, view);
    case 'starting':
      return one('starting', view.message || 'its startup probe has not passed yet', silent, view, [
        logsOf(asked, 'shows what it is doing'),
      ]);
    case 'warming':
      return one('warming', view.message || 'its warm-up request is under way', silent, view);
    case 'ready':
      return phase.impaired
        ? one('impaired', view.message, silent, view, [logsOf(asked, 'shows what it is doing')])
        : { groups: [...silent, ...neverIdle(asked.spec, observed.probes.get(phase.container.id))] };
    case 'draining':
      return one('draining', view.message, silent, view);
    case 'stopping':
      return one('stopping', view.message || 'it was told to stop and has its grace period', silent, view);
    case 'stopped':
      return { groups: [] };
    case 'backoff':
      return one('backoff', causeInWords(asked), silent, view, [
        ...bringImage(asked),
        logsOf(asked, 'shows its last lines'),
      ]);
    case 'failed':
      return one('failed', causeInWords(asked), silent, view, [
        ...bringImage(asked),
        'mend the cause and run outrigger up again',
        logsOf(asked, 'shows its last lines'),
      ]);
    case 'lost':
      return one('lost', asked.isReplaced ? `${view.message}; others serve in its place` : view.message, silent, view);
    default:
      return phase satisfies never;
  }
}

function one(
  constraint: string,
  message: string,
  silent: readonly WhyGroupView[],
  { node }: ReplicaView,
  help: readonly string[] = [],
): Reasons {
  // What does not answer explains what does not get on.
  return { groups: [...silent, { constraint, nodes: node === undefined ? [] : [node], message, heldBy: [], help }] };
}

function silentNode(node: ObservedNode | undefined): WhyGroupView[] {
  if (node === undefined || node.answering) return [];
  return [
    {
      constraint: 'silent',
      nodes: [node.name],
      message: `its node does not answer (${node.error ?? 'unknown reason'}); what runs there is left alone`,
      heldBy: [],
      help: node.next === undefined ? [] : [node.next],
    },
  ];
}

/** Its phase is the same whether its image is pulled or only looked for. */
function imageInWords({ spec, view }: Asked): string {
  if (view.message !== '' && view.message !== spec.image) return view.message;
  return spec.pullPolicy === 'never' ? `looks for the image ${spec.image}` : `pulls ${spec.image}`;
}

function causeInWords({ replica, view }: Asked): string {
  const exitCode = causeOf(replica)?.exitCode;
  const message = view.message || 'no reason was given';
  return exitCode === undefined || message.includes(String(exitCode)) ? message : `${message} (exit code ${exitCode})`;
}

function logsOf({ replica, spec }: Asked, what: string): string {
  return `outrigger logs -p ${spec.namespace} --replica ${replica.id} ${spec.name} ${what}`;
}

function rejectionView(rejection: Rejection): RejectionView {
  const {
    heldBy = [],
    quarantinedSince: _since,
    connection: _connection,
    isUnknown: _unknown,
    own: _own,
    ...shown
  } = rejection;
  return { ...shown, heldBy };
}
