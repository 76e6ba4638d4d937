import { actionKey, createAction, pullAction, startKey } from '../actions.ts';
import type { ErrorCode } from '../errors.ts';
import { imageKey } from '../observed.ts';
import { hasImage } from '../placement/cluster-node.ts';
import type { PhaseOf, Placement, Replica } from '../replica.ts';
import { failed, NO_BUDGET, notAlive, probeCause, refusal } from './causes.ts';
import { awaitsDeviceCheckUntil } from './first-device-check.ts';
import type { ReplicaFacts } from './replica-facts.ts';
import type { ReplicaEvent } from './transition.ts';
import { isNotAlive } from './while-it-runs.ts';

/** The image is there, or cannot be had. */
export function afterPull(phase: PhaseOf<'pulling'>, facts: ReplicaFacts): ReplicaEvent | null {
  const { spec, observed } = facts;
  const image = observed.images.get(imageKey(pullAction(phase.placement.node, spec)));
  if (
    image?.kind === 'present' &&
    (spec.pullPolicy !== 'always' || image.at >= Math.min(phase.since, facts.pulledSince))
  )
    return { kind: 'image_present' };
  // A failure from before this attempt was the last attempt's; the pull is made anew.
  if (image?.kind === 'failed' && image.at >= phase.since && isFinal(image.code)) {
    return failed(spec, { kind: 'image', message: imageTrouble(phase.placement, image.message, facts), logTail: [] });
  }
  return null;
}

/** Where there are several nodes, it matters which of them could not get the image, and which have it. */
function imageTrouble({ node }: Placement, message: string, { spec, observed }: ReplicaFacts): string {
  if (observed.nodes.size < 2) return message;
  const others = [...observed.nodes.values()].filter(n => n.name !== node && hasImage(n, spec.image)).map(n => n.name);
  if (others.length === 0) return `on node ${node}: ${message}; no other node has it`;
  return `on node ${node}: ${message}; ${others.sort().join(', ')} ${others.length === 1 ? 'has' : 'have'} it`;
}

/** There is a container of this attempt, or there will be none. */
export function afterCreate(replica: Replica, phase: PhaseOf<'creating'>, facts: ReplicaFacts): ReplicaEvent | null {
  // One that is only created may still lack networks and files: it is ours once a create of it has settled, and a create
  // after a crash completes what it finds under the name.
  const adopted = facts.containers.find(c => c.attempt === replica.attempt && c.state !== 'created');
  if (adopted) return { kind: 'created', container: { id: adopted.id, seenAt: facts.now } };
  const effect = facts.observed.effects.get(actionKey(createAction(replica, phase.placement, facts.spec)));
  if (effect?.kind === 'settled' && effect.containerId) {
    return { kind: 'created', container: { id: effect.containerId, seenAt: effect.at } };
  }
  if (effect?.kind !== 'failed' || effect.at < phase.since) return null;
  if (effect.code === 'image_unavailable') return { kind: 'image_missing' };
  // What the file asks for itself, such as a subnet that is in use, no further attempt of a first start gets.
  if (effect.code === 'invalid_argument') {
    const policy = { ...facts.spec.restart, startAttempts: 1 };
    return { kind: 'failed', cause: refusal(effect.message), policy };
  }
  // A name that somebody else's container has, or a network that is not there, is nothing to wait for in silence, holding the
  // place meanwhile. Refusals in a row are told by the pause after them: for its turn it may have waited as well.
  const isStubborn = effect.notBefore - effect.at >= STUBBORN_PAUSE_MS;
  const isTaken = effect.code === 'conflict' && (effect.isForGood === true || isStubborn);
  return isFinal(effect.code) || isTaken ? failed(facts.spec, refusal(effect.message)) : null;
}

/** Its probes let it past start-up, or it does not get there. */
export function afterStart(replica: Replica, phase: PhaseOf<'starting'>, facts: ReplicaFacts): ReplicaEvent | null {
  const refused = facts.observed.effects.get(startKey(phase.container.id));
  if (refused?.kind === 'failed' && isFinal(refused.code)) return refusedStart(refused, facts);
  // An engine that died while it started a container may hold on to what it had begun, and no further start gets past
  // that. Another container does, and it is no fault of the replica's: its budget is not asked.
  if (refused?.kind === 'failed' && refused.code === 'conflict' && facts.now >= phase.since + STUBBORN_AFTER_MS) {
    return { kind: 'failed', cause: refusal(refused.message), policy: NO_BUDGET };
  }
  const report = facts.observed.probes.get(phase.container.id);
  if (replica.hasServed) {
    // It was lost and is found: neither started up nor warmed again, but nobody calls it before a probe passed anew.
    if (report?.readiness === 'passing') return { kind: 'started_up', warmup: false };
    return isNotAlive(phase, facts) ? { kind: 'condemned', cause: notAlive(report?.message) } : null;
  }
  const isSeeingLater = facts.now < (awaitsDeviceCheckUntil(replica, phase, facts) ?? facts.now);
  if (report?.startup === 'passed')
    return isSeeingLater ? null : { kind: 'started_up', warmup: facts.spec.warmup !== undefined };
  if (report?.startup === 'failed') {
    return {
      kind: 'condemned',
      cause: probeCause('startup_timeout', 'the startup probe did not pass in time', report.message),
    };
  }
  return null;
}

/** A port that somebody has taken may be let go of: a generation that is known to work waits for it rather than give up. */
function refusedStart({ code, message }: { code: ErrorCode; message: string }, facts: ReplicaFacts): ReplicaEvent {
  const { spec, isKnownToWork } = facts;
  if (code !== 'port_in_use' || !isKnownToWork) return failed(spec, refusal(message));
  return { kind: 'failed', cause: refusal(message), policy: { ...spec.restart, startAttempts: null } };
}

/** Enough for several tries: what is in the way for a moment only is waited for. */
const STUBBORN_AFTER_MS = 5_000;

/** Half a dozen refusals in a row, a quarter of a minute after the first: an engine may take that long to remove something. */
const STUBBORN_PAUSE_MS = 15_000;

/** Its warm-up is done, or went wrong. */
export function afterWarmup(phase: PhaseOf<'warming'>, facts: ReplicaFacts): ReplicaEvent | null {
  const report = facts.observed.probes.get(phase.container.id);
  if (report?.warmup === 'done') return { kind: 'warmed_up' };
  if (report?.warmup === 'failed')
    return { kind: 'condemned', cause: probeCause('warmup', 'the warm-up failed', report.message) };
  return null;
}

/** Trying the same attempt again cannot help. Everything else is retried as it is: an engine that is away fails nobody. */
export function isFinal(code: ErrorCode): boolean {
  return code !== 'unavailable' && code !== 'timeout' && code !== 'conflict';
}
