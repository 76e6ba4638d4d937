import { type Action, actionKey, pullAction } from '../actions.ts';
import { farewells } from '../lifecycle/farewells.ts';
import { actionsFor, orphanActions } from '../lifecycle/next-actions.ts';
import type { DeviceTurns } from '../nodes/device-turns.ts';
import type { Replica } from '../replica.ts';
import { untidyNodes } from '../waiting/cluster-in.ts';
import type { World } from '../world.ts';

/** All that is to be done, also what is under way or was tried a moment ago. */
export function actionsIn(world: World, turns: DeviceTurns): readonly Action[] {
  return [
    ...world.lookedAfter().flatMap(r => inTurn(actionsFor(world, r), r, turns)),
    ...pullsAhead(world),
    ...[...turns.measure].map((node): Action => ({ kind: 'measure', node })),
    ...orphanActions(world),
    ...farewells(world),
  ];
}

/** Images that are to be there before anybody gives way. */
function pullsAhead({ imageWaits, now }: World): Action[] {
  const pulls = [...imageWaits.values()].filter(w => now >= w.notBefore).map(w => pullAction(w.node, w.spec));
  return [...new Map(pulls.map(pull => [actionKey(pull), pull])).values()];
}

/** Those of them that may be begun now. */
export function dueOf(world: World, actions: readonly Action[]): readonly Action[] {
  return withDevicesToSpare(world, actions).filter(a => isDue(world, a));
}

function inTurn(actions: readonly Action[], { id }: Replica, { waiting }: DeviceTurns): readonly Action[] {
  return waiting.has(id) ? actions.filter(a => !IN_TURN.has(a.kind)) : actions;
}

const IN_TURN: ReadonlySet<Action['kind']> = new Set(['create', 'start', 'stop']);

/** Where something runs that no account knows of, it may have any device: also what was placed before waits for its end. */
function withDevicesToSpare(world: World, actions: readonly Action[]): readonly Action[] {
  const isGiven = (a: Action) => a.kind === 'create' && a.placement.devices.length > 0;
  if (!actions.some(isGiven)) return actions;
  const untidy = untidyNodes(world);
  return actions.filter(a => !isGiven(a) || !untidy.has(a.node));
}

/** It is not under way, nor put off, nor done without that being seen yet. */
function isDue({ observed, now }: World, action: Action): boolean {
  const effect = observed.effects.get(actionKey(action));
  if (!effect || effect.kind === 'queued') return true;
  if (effect.kind === 'under_way') return false;
  if (effect.kind === 'failed') return now >= effect.notBefore;
  // It settled; until a listing that began later shows the outcome, asking again would be asking twice.
  const node = observed.nodes.get(action.node);
  if (action.kind === 'pull') return true;
  return node !== undefined && node.listedFrom > effect.at;
}
