import { LABELS } from '../../control-plane/engine/docker/index.ts';
import type { NestedEngine } from '../engines/nested-engine.ts';
import { until } from '../until.ts';
import { type Fixed, type Holding, readFixed } from './holdings.ts';
import { FOREIGN_LABEL } from './look-alikes.ts';

/** One start of a replica's container, as its engine told of it. Times are milliseconds since the epoch, by one clock. */
export interface Run extends Omit<Holding, 'state' | 'devices' | 'environment'> {
  readonly startedAt: number;
  /** Null where it was gone before anybody could look at it. */
  readonly fixed: Fixed | null;
  /** When it was first sent a signal, other than by the test. */
  toldAt: number | null;
  diedAt: number | null;
}

/**
 * All that ever ran on the engines and how it ended, by their own events, past the control plane and whatever cuts their
 * nodes off. So nothing goes unseen between two looks.
 */
export class EngineLog {
  readonly runs: Run[] = [];
  /** What happened to containers that are not the control plane's. */
  readonly foreign: string[] = [];
  readonly #engines: ReadonlyMap<string, NestedEngine>;
  readonly #newest = new Map<string, Run>();
  readonly #markers = new Set<string>();
  readonly #looks = new Set<Promise<void>>();
  readonly #isKilledByTest: (containerId: string) => boolean;
  #trouble: string | null = null;
  #count = 0;

  private constructor(engines: ReadonlyMap<string, NestedEngine>, isKilledByTest: (id: string) => boolean) {
    this.#engines = engines;
    this.#isKilledByTest = isKilledByTest;
  }

  static async follow(
    engines: ReadonlyMap<string, NestedEngine>,
    isKilledByTest: (containerId: string) => boolean,
  ): Promise<EngineLog> {
    const log = new EngineLog(engines, isKilledByTest);
    for (const [node, engine] of engines) await log.#follow(node, engine);
    return log;
  }

  /** Resolves once all is known that happened before the call, with the moment up to which it is. */
  async upToDate(): Promise<number> {
    const upTo = Date.now();
    await Promise.all(
      [...this.#engines.values()].map(async ({ docker }) => {
        // A volume of the test's own: its event comes after all that went before it. It goes with the engine.
        const name = `marker-${this.#count++}`;
        await docker.createVolume({ Name: name });
        await until(
          () => `the engine tells of ${name}`,
          () => this.#markers.has(name) || this.#trouble !== null,
          { pauseMs: 2 },
        );
      }),
    );
    await Promise.all(this.#looks);
    if (this.#trouble !== null) throw new Error(this.#trouble);
    return upTo;
  }

  async #follow(node: string, engine: NestedEngine): Promise<void> {
    const stream = await engine.docker.getEvents({ filters: { type: ['container', 'volume'], event: EVENTS } });
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.#take(node, engine, JSON.parse(line));
    });
    const broken = (why: unknown) => (this.#trouble ??= `the events of ${node} ended: ${why}`);
    stream.once('error', broken).once('close', () => broken('closed'));
  }

  #take(node: string, engine: NestedEngine, { Type, Action, Actor, timeNano }: EngineEvent): void {
    const { ID: containerId, Attributes: labels } = Actor;
    if (Type === 'volume') {
      this.#markers.add(containerId);
      return;
    }
    if (labels[FOREIGN_LABEL] !== undefined) {
      if (!MADE.includes(Action)) this.foreign.push(`${labels[FOREIGN_LABEL]} on ${node}: ${Action}`);
      return;
    }
    if (labels[LABELS.replica] === undefined) return;
    const at = timeNano / 1e6;
    const run = this.#newest.get(containerId);
    switch (Action) {
      case 'create':
      case 'start': {
        const look = this.#look(node, engine, { containerId, labels, at, isStart: Action === 'start' });
        this.#looks.add(look);
        void look.finally(() => this.#looks.delete(look));
        return;
      }
      case 'kill':
        if (run && !(labels['signal'] === '9' && this.#isKilledByTest(containerId))) run.toldAt ??= at;
        return;
      case 'die':
        if (run) run.diedAt ??= at;
    }
  }

  readonly #fixed = new Map<string, Promise<Fixed | null>>();

  async #look(
    node: string,
    engine: NestedEngine,
    {
      containerId,
      labels,
      at,
      isStart,
    }: { containerId: string; labels: Record<string, string>; at: number; isStart: boolean },
  ): Promise<void> {
    const reading = this.#fixed.get(containerId) ?? readFixed(engine.docker.getContainer(containerId), engine.gpus.all);
    this.#fixed.set(containerId, reading);
    if (!isStart) {
      await reading;
      return;
    }
    const run: { -readonly [K in keyof Run]: Run[K] } = {
      node,
      containerId,
      namespace: labels[LABELS.namespace] ?? '',
      service: labels[LABELS.service] ?? '',
      replicaId: labels[LABELS.replica] ?? '',
      attempt: Number(labels[LABELS.attempt]),
      startedAt: at,
      fixed: null,
      toldAt: null,
      diedAt: null,
    };
    this.#newest.set(containerId, run);
    this.runs.push(run);
    run.fixed = await reading;
  }
}

/** What ran at that moment. */
export function runningAt(runs: readonly Run[], at: number): readonly Run[] {
  return runs.filter(r => r.startedAt <= at && (r.diedAt === null || r.diedAt > at));
}

interface EngineEvent {
  readonly Type: 'container' | 'volume';
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Record<string, string> };
  readonly timeNano: number;
}

const MADE = ['create', 'start'];
const EVENTS = [...MADE, 'kill', 'die', 'stop', 'restart', 'pause', 'rename', 'update', 'destroy'];
