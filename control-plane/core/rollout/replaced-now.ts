import { isAvailable, isPending, type Newcomer, newcomerOf, type Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { Leeway, Room } from './leeway.ts';
import type { Roster } from './roster.ts';
import { servingCount, sparedCount, surelySparedCount } from './serving.ts';

export interface ReplacedNow {
  /** The serving replicas of older generations that leave now. */
  readonly replaced: readonly Replica[];
  /** One of them would have to leave before its successor is made, and stays, as that would find no room. */
  readonly isStuck: boolean;
  /** Idle replicas of other services, by id, who leave with all of them, or stay if any of them does. */
  readonly idle: readonly string[];
}

/**
 * Who makes way. While a new one finds no room, those leave that have what it waits for, as few as can be, even where nobody
 * may be missing: start-first cannot be had then. One whose going helps nobody serves on, unless it is more than are wanted.
 */
export function replacedNow(service: Service, roster: Roster, leeway: Leeway): ReplacedNow {
  const { staying, servingOld, isQuiet } = roster;
  const spared = sparedCount(service, roster);
  const isNobodyAwaited = !isOneAwaited(roster);
  if (servingOld.length === 0) return NOBODY;
  if (spared === 0 && !isNobodyAwaited) return { ...NOBODY, replaced: inTheWay(service, roster, leeway) };
  const waiting = staying.filter(isWithoutPlace).filter(r => spared > 0 || isWithoutRoom(r));
  const lacking = service.replicas - staying.filter(r => !isPending(r)).length;
  // Where one has to leave before its successor is made, room is asked for before that is there.
  const newcomers = waiting.length > 0 ? waiting : nextOf(service, Math.min(spared, lacking));
  const surelySpared = surelySparedCount(service, roster);
  const rooms = roomsOf(newcomers, { servingOld, spared, surelySpared, isNobodyAwaited }, leeway);
  if (rooms.some(r => r.kind === 'untold')) return NOBODY;
  const making = madeBy(rooms);
  const free = rooms.filter(r => r.kind === 'free' || (r.kind === 'made_beside' && r.by.length === 0)).length;
  // Beside those whose room is needed, they leave that are more than wanted, or whose successors have room.
  const excess = Math.max(0, servingCount(roster) - service.replicas);
  // Whose image is not there yet may be long in serving.
  const pulling = staying.filter(r => r.phase.kind === 'pulling').length;
  const wanted =
    waiting.length > 0 ? excess : lacking <= 0 ? Math.max(excess, spared - pulling) : Math.min(spared, excess + free);
  const awaited = takenBy(rooms).filter(r => !making.includes(r));
  const beside = sparedBeside(making, { servingOld, surelySpared });
  const inTurn = [...making, ...beside.filter(r => !awaited.includes(r)), ...beside.filter(r => awaited.includes(r))];
  const replaced = inTurn.slice(0, Math.max(wanted, making.length));
  const isUnderWay = staying.some(r => UNDER_WAY.has(r.phase.kind));
  const isAtRest = isQuiet && !isUnderWay && waiting.length === 0 && replaced.length === 0;
  const idle = replaced.length > 0 ? rooms.flatMap(r => (r.kind === 'made_beside' ? r.idle : [])) : [];
  return { replaced, idle, isStuck: isAtRest && rooms.some(r => r.kind === 'none' || r.kind === 'awaits_image') };
}

const NOBODY: ReplacedNow = { replaced: [], isStuck: false, idle: [] };

const UNDER_WAY: ReadonlySet<Replica['phase']['kind']> = new Set(['pulling', 'creating', 'starting', 'warming']);

/**
 * One leaves for a successor at a time where nobody may be missing: what has a place and does not serve is missing already,
 * also after it failed, or for the moment, and on a node that is emptied: it may serve yet before it moves. What has been
 * ready for a moment only may be gone in the next.
 */
function isOneAwaited({ staying, moving, onTrial, isQuiet }: Roster): boolean {
  if (!isQuiet || onTrial.size > 0) return true;
  return [...staying, ...moving.serving, ...moving.idle].some(r => !isPending(r) && !isAvailable(r));
}

/** Who may leave, and for whom. */
interface Leaving {
  /** The least worthy first: all in doubt come before those that serve for sure. */
  readonly servingOld: readonly Replica[];
  readonly spared: number;
  /** How many of them may be such that serve for sure. */
  readonly surelySpared: number;
  /** For one newcomer that fits nowhere beside them, more may leave than are spared. */
  readonly isNobodyAwaited: boolean;
}

/**
 * Who is in the way of one that is awaited in vain: it has a place beside those that serve, and waits for their memory. They
 * leave where nobody is missing yet, nor may be in the next moment.
 */
function inTheWay(
  service: Service,
  roster: Roster,
  { memoryHolders }: Pick<Leeway, 'memoryHolders'>,
): readonly Replica[] {
  const { staying, moving, servingOld, onTrial, isQuiet } = roster;
  if (!isQuiet || onTrial.size > 0) return [];
  const holders = memoryHolders(staying, servingOld);
  const available = [...staying, ...moving.serving, ...servingOld].filter(isAvailable).length;
  return available >= service.replicas || !holders.some(isAvailable) ? holders : [];
}

/** What each newcomer finds, one after the other, as long as more may leave: who makes way for one does for no other. */
function roomsOf(newcomers: readonly Newcomer[], leaving: Leaving, leeway: Leeway): readonly Room[] {
  const { servingOld, spared, surelySpared, isNobodyAwaited } = leaving;
  const rooms: Room[] = [];
  for (const newcomer of newcomers) {
    const making = madeBy(rooms);
    if ((making.length > 0 && making.length >= spared) || rooms.some(r => r.kind === 'made_beside')) break;
    const taken = takenBy(rooms);
    const others = servingOld.filter(r => !taken.includes(r));
    const left = {
      spared: spared - making.length,
      surely: Math.max(0, surelySpared - making.filter(isAvailable).length),
    };
    const sparable = left.spared > 0 ? others.filter(r => left.surely > 0 || !isAvailable(r)) : [];
    const room = leeway.roomFrom(
      newcomer,
      sparable,
      by => by.length > left.spared || by.filter(isAvailable).length > left.surely,
    );
    // Who will have a place without anybody's going is awaited as well, before more have to go than are spared.
    const mayBeMore = isNobodyAwaited && rooms.length === 0 && room.kind === 'none';
    if (!mayBeMore) rooms.push(room);
    // A node that is silent for a moment is waited for, before its silence costs another one a replica that serves.
    else if (!leeway.mayFitSoon(newcomer)) {
      const alone = leeway.roomFrom(newcomer, others);
      rooms.push(alone.kind === 'none' ? leeway.roomBesideIdle(newcomer, others) : alone);
    }
  }
  return rooms;
}

/** Who else may leave: all in doubt, and as many of those that serve for sure as are spared. */
function sparedBeside(
  making: readonly Replica[],
  { servingOld, surelySpared }: Pick<Leaving, 'servingOld' | 'surelySpared'>,
): readonly Replica[] {
  const others = servingOld.filter(r => !making.includes(r));
  const [sure, inDoubt] = [others.filter(isAvailable), others.filter(r => !isAvailable(r))];
  return [...inDoubt, ...sure.slice(0, Math.max(0, surelySpared - making.filter(isAvailable).length))];
}

/** Also those who make way later. */
function takenBy(rooms: readonly Room[]): readonly Replica[] {
  return rooms.flatMap(room => ('by' in room ? room.by : []));
}

function madeBy(rooms: readonly Room[]): readonly Replica[] {
  return rooms.flatMap(room => (room.kind === 'made' || room.kind === 'made_beside' ? room.by : []));
}

/** It is not for the number of its siblings that it waits. */
function isWithoutPlace({ phase }: Replica): boolean {
  return phase.kind === 'pending' && phase.reasons.every(r => r.kind !== 'surge');
}

/** A place was looked for. */
function isWithoutRoom({ phase }: Replica): boolean {
  return phase.kind === 'pending' && phase.reasons.length > 0;
}

function nextOf(service: Service, count: number): Newcomer[] {
  const length = Math.max(0, count);
  return Array.from({ length }, (_, i) => newcomerOf(service, i, { kind: 'asked', now: 0 }));
}
