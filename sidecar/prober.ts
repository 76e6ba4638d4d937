import { effectiveProbes } from '../control-plane/core/effective-probes.ts';
import type { ProbeReport } from '../control-plane/core/observed.ts';
import type { Probe, ProbeCheck } from '../control-plane/core/spec.ts';
import type { Clock, ProbeTarget } from '../control-plane/ports.ts';
import type { Slots } from '../control-plane/slots.ts';
import { Asker } from './asker.ts';
import type { Beats } from './beats.ts';
import { covers } from './covers.ts';
import { FailureStreak } from './failure-streak.ts';
import type { LoadReading } from './load.ts';
import { watchLoad } from './load-watch.ts';
import { FIRST_GAP_MS, GAP_GROWTH, LONGEST_GAP_MS, startUp } from './start-up.ts';
import { warmUpUntilAnswered } from './warm-up-until-answered.ts';

export interface ProberSeams {
  readonly clock: Clock;
  readonly beats: Beats;
  readonly slots: Slots;
  /** Called whenever `report` has become another one. */
  readonly onReport: () => void;
}

/**
 * The schedule of one container: startup until it passes or its deadline is over, one warm-up, then readiness, liveness
 * and load beside each other for as long as the container is a target.
 */
export class Prober {
  #report: ProbeReport;
  #target: ProbeTarget;
  readonly #seams: ProberSeams;
  readonly #asker: Asker;
  /** Of startup probes that are late, then of warm-ups without an answer, then of liveness probes. */
  readonly #streak: FailureStreak;
  readonly #stopped = new AbortController();
  /** Ends of the pauses that run now, with what else ends them. */
  readonly #pauses = new Map<() => void, EndsAt>();
  /** What the last reading of the load counted. */
  #counted: number | undefined;
  readonly #troubles = new Map<Concern, string>();
  /** When the newest readiness probe that was answered began, by the Clock; null: it did not pass. */
  #readyAt: number | null = null;
  readonly #ended: Promise<void>;

  constructor(target: ProbeTarget, seams: ProberSeams) {
    this.#target = target;
    this.#seams = seams;
    this.#asker = new Asker(target, seams);
    this.#streak = new FailureStreak(target.heardFrom);
    this.#report = {
      containerId: target.containerId,
      startup: target.resume ? 'passed' : 'pending',
      warmup: target.resume || !target.spec.warmup ? 'done' : 'pending',
      readiness: 'unknown',
      liveness: 'unknown',
    };
    this.#ended = this.#run();
  }

  get report(): ProbeReport {
    return this.#report;
  }

  /** What is known of the same container now. News about how to reach it or its healthcheck are acted upon at once. */
  update(target: ProbeTarget): void {
    const news = target.containerHealth !== this.#target.containerHealth || !sameHosts(target, this.#target);
    const isLeft = target.withdrawn === true && this.#target.withdrawn !== true;
    this.#target = target;
    this.#asker.update(target);
    if (news) this.#endPauses('news');
    if (isLeft) this.#endPauses('withdrawal');
    if (this.#streak.heard(target.heardFrom)) this.#tellStreak();
  }

  /** Resolves once nothing of it runs any more. */
  stop(): Promise<void> {
    this.#stopped.abort(new Error('the container is no longer a target'));
    for (const end of [...this.#pauses.keys()]) end();
    return this.#ended;
  }

  async #run(): Promise<void> {
    try {
      if (!this.#target.resume && !((await this.#startUp()) && (await this.#warmUp()))) return;
      await Promise.all([this.#keepReadiness(), this.#keepLiveness(), this.#keepLoad()]);
    } catch (error) {
      if (!this.#stopped.signal.aborted) throw error;
    } finally {
      this.#asker.close();
    }
  }

  async #startUp(): Promise<boolean> {
    const { startup, readiness, liveness } = effectiveProbes(this.#target.spec);
    if (!startup) {
      this.#set({ startup: 'passed' });
      return true;
    }
    const verdict = await startUp({
      startup,
      startedAt: this.#target.startedAt,
      streak: this.#streak,
      ways: () => this.#asker.ways(startup.check),
      clock: this.#seams.clock,
      signal: this.#stopped.signal,
      onRound: round => {
        const end = () => round.abort(OVER);
        this.#pauses.set(end, 'news');
        return () => this.#pauses.delete(end);
      },
      onFailure: message => this.#set({}, { startup: message }),
    });
    if (verdict === 'too_late') {
      this.#set({ startup: 'failed' });
      return false;
    }
    this.#streak.passed();
    this.#set(
      {
        startup: 'passed',
        ...(this.#isAnsweredBy(startup.check, readiness?.check) && { readiness: 'passing' as const }),
        ...(this.#isAnsweredBy(startup.check, liveness?.check) && { liveness: 'passing' as const }),
      },
      { startup: null },
    );
    return true;
  }

  /** The same question needs no second answer, unless a warm-up comes between. */
  #isAnsweredBy(asked: ProbeCheck, question: ProbeCheck | undefined): boolean {
    return question !== undefined && !this.#target.spec.warmup && covers(asked, question);
  }

  async #warmUp(): Promise<boolean> {
    const { warmup } = this.#target.spec;
    if (!warmup) return true;
    const result = await warmUpUntilAnswered({
      warmup,
      addresses: () => this.#asker.addresses(warmup.http.port),
      streak: this.#streak,
      clock: this.#seams.clock,
      signal: this.#stopped.signal,
      onFailure: message => this.#set({}, { warmup: message }),
    });
    if (result.kind === 'done') this.#set({ warmup: 'done' }, { warmup: null });
    else this.#set({ warmup: 'failed' }, { warmup: result.message });
    return result.kind === 'done';
  }

  async #keepReadiness(): Promise<void> {
    const { readiness } = effectiveProbes(this.#target.spec);
    if (!readiness) return this.#set({ readiness: 'passing' });
    let failures = 0;
    let gapMs = 0;
    if (this.#report.readiness === 'passing') await this.#pause(this.#seams.beats.delayMs(readiness.intervalMs));
    for (;;) {
      const begunAt = this.#seams.clock.now();
      const result = await this.#asker.ask(readiness.check, readiness.timeoutMs, this.#stopped.signal);
      this.#readyAt = result.kind === 'passed' ? begunAt : null;
      switch (result.kind) {
        case 'passed':
          failures = 0;
          gapMs = 0;
          // Nearly always nothing is new.
          if (this.#report.readiness !== 'passing' || this.#troubles.has('readiness'))
            this.#set({ readiness: 'passing' }, { readiness: null });
          break;
        case 'failed':
          failures++;
          this.#set(failures >= readiness.failures ? { readiness: 'failing' } : {}, { readiness: result.message });
          break;
        case 'unknown':
          this.#set({}, { readiness: result.message });
          break;
        default:
          result satisfies never;
      }
      // In doubt it is asked again soon: out fast when it hangs, back fast when it recovered.
      const first = this.#report.readiness === 'unknown' ? FIRST_GAP_MS : RECHECK_GAP_MS;
      const longest = this.#report.readiness === 'unknown' ? LONGEST_GAP_MS : readiness.intervalMs;
      if (result.kind !== 'passed') gapMs = gapMs === 0 ? first : gapMs * GAP_GROWTH;
      await this.#pause(gapMs === 0 ? this.#seams.beats.delayMs(readiness.intervalMs) : Math.min(gapMs, longest));
    }
  }

  async #keepLiveness(): Promise<void> {
    const { readiness, liveness } = effectiveProbes(this.#target.spec);
    if (!liveness) return;
    const { clock, beats } = this.#seams;
    const isShared = readiness !== null && impliesLiveness(readiness, liveness);
    let answeredAt = clock.now();
    for (;;) {
      // Where a single failure is asked for, whether it was the container's is found out soon.
      const isInDoubt = liveness.failures === 1 && this.#streak.isOpen && this.#report.liveness !== 'failing';
      const dueInMs = Math.max(0, liveness.intervalMs - (clock.now() - answeredAt));
      await this.#pause(isInDoubt ? RECHECK_GAP_MS : beats.delayMs(dueInMs), 'its_time');
      if (isShared && this.#readyAt !== null && this.#readyAt > answeredAt) {
        // Counts as of when it was asked for, so that the next is due no later than after an answer of its own.
        answeredAt = this.#readyAt;
        this.#streak.passed();
        this.#set({ liveness: 'passing' }, { liveness: null });
        continue;
      }
      const begun = this.#streak.begin();
      const result = await this.#asker.ask(liveness.check, liveness.timeoutMs, this.#stopped.signal);
      answeredAt = clock.now();
      switch (result.kind) {
        case 'passed':
          this.#streak.passed();
          this.#set({ liveness: 'passing' }, { liveness: null });
          break;
        case 'failed':
          this.#streak.failed(begun, this.#seams.clock.now());
          this.#tellStreak({ liveness: result.message });
          break;
        case 'unknown':
          break;
        default:
          result satisfies never;
      }
    }
  }

  /** What failed before a silence of the node says nothing after it. */
  #tellStreak(troubles: { readonly liveness?: string } = {}): void {
    const { liveness } = effectiveProbes(this.#target.spec);
    const isUp = this.#report.startup === 'passed' && this.#report.warmup === 'done';
    if (!isUp || !liveness) this.#set({});
    else if (this.#streak.suffices(liveness.failures)) this.#set({ liveness: 'failing' }, troubles);
    else this.#set(this.#report.liveness === 'failing' ? { liveness: 'unknown' } : {}, troubles);
  }

  async #keepLoad(): Promise<void> {
    const { spec, resume } = this.#target;
    if (spec.protocol === 'tcp' || spec.port === undefined) return;
    const intervalMs = effectiveProbes(spec).readiness?.intervalMs ?? 2_000;
    this.#report = { ...this.#report, loadUnread: true };
    const pause = (delayMs: number) => this.#pause(this.#seams.beats.delayMs(delayMs), 'withdrawal');
    // One that has just started has nothing to tell yet, while others may be starting beside it.
    if (!resume) await pause(intervalMs);
    await watchLoad({
      protocol: spec.protocol,
      address: () => this.#asker.addresses(spec.port)[0],
      intervalMs,
      clock: this.#seams.clock,
      signal: this.#stopped.signal,
      pause,
      onLoad: load => this.#setLoad(load),
    });
  }

  /** Without AbortControllers: what lives for seconds grows old, and is then collected at a price. */
  async #pause(delayMs: number, endsAt: EndsAt = 'news'): Promise<void> {
    const { signal } = this.#stopped;
    signal.throwIfAborted();
    await new Promise<void>(resolve => {
      const end = () => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.#seams.clock.alarm(delayMs, end);
      this.#pauses.set(end, endsAt);
    });
    signal.throwIfAborted();
  }

  #endPauses(at: EndsAt): void {
    for (const [end, endsAt] of [...this.#pauses]) if (endsAt === at) end();
  }

  #setLoad(reading: LoadReading | undefined): void {
    const { load: known, loadUnread, ...rest } = this.#report;
    // Of a time without readings nothing is known, so it counts anew after it.
    const before = known && this.#counted === reading?.counted ? known.idleSince : null;
    this.#counted = reading?.counted;
    // Nothing rather than an old count, which would let a draining replica wait for requests that ended long ago.
    this.#report =
      reading === undefined ? rest : { ...rest, load: loadReport(reading, before, this.#seams.clock.now()) };
    // That nothing changed is no news, but the reading is newer.
    if (loadUnread || reading?.inFlight !== known?.inFlight) this.#seams.onReport();
  }

  /** The one place that otherwise changes the report. `troubles` sets or (null) clears the last failure of a concern. */
  #set(changes: Partial<ProbeReport>, troubles: Partial<Record<Concern, string | null>> = {}): void {
    for (const [concern, message] of Object.entries(troubles) as [Concern, string | null][]) {
      if (message === null) this.#troubles.delete(concern);
      else this.#troubles.set(concern, message);
    }
    const { failedAt, doubtedSince } = this.#streak;
    const { message: _, doubtedSince: __, notAliveSince = failedAt, ...stated } = { ...this.#report, ...changes };
    const rest = {
      ...stated,
      ...(stated.liveness === 'failing' && { notAliveSince }),
      ...(doubtedSince !== null && { doubtedSince }),
    };
    const message = CONCERNS.map(concern => this.#troubles.get(concern)).find(text => text !== undefined);
    const next: ProbeReport = message === undefined ? rest : { ...rest, message };
    if (REPORTED.every(field => next[field] === this.#report[field])) return;
    this.#report = next;
    this.#seams.onReport();
  }
}

/** @param before since when it is idle, if no request was counted since the last reading */
function loadReport({ inFlight, counted }: LoadReading, before: number | null | undefined, at: number) {
  // None in flight at the moments that were looked at: what is done quickly is never seen so.
  if (counted === undefined) return { inFlight, at };
  return { inFlight, at, idleSince: inFlight === 0 ? (before ?? at) : null };
}

/** What can be in trouble, the one to speak of first. */
const CONCERNS = ['startup', 'warmup', 'readiness', 'liveness'] as const;
type Concern = (typeof CONCERNS)[number];
const REPORTED = ['startup', 'warmup', 'readiness', 'liveness', 'message', 'load', 'doubtedSince'] as const;

/** What ends a pause before its time: news of the container, its withdrawal (then its load decides about its end), or nothing. */
type EndsAt = 'news' | 'withdrawal' | 'its_time';

/** After a failure of a replica that was ready: with default probes a hung one is out in 2.2 + 1 + 0.25 + 1 s at most. */
const RECHECK_GAP_MS = 250;

/** One for all: making an error anew costs more than ending what waits. */
const OVER = new Error('the wait is over');

/**
 * Who passes the one passes the other. What the engine says of its own healthcheck is not asked for, so there is nothing to
 * spare.
 */
function impliesLiveness(readiness: Probe, liveness: Probe): boolean {
  if (liveness.check.kind === 'container' || readiness.timeoutMs > liveness.timeoutMs) return false;
  return covers(readiness.check, liveness.check);
}

function sameHosts(a: ProbeTarget, b: ProbeTarget): boolean {
  return a.hosts === b.hosts || JSON.stringify(a.hosts) === JSON.stringify(b.hosts);
}
