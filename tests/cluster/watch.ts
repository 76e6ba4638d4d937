import type { ExecutionContext } from 'ava';
import { until } from '../until.ts';
import type { Run } from './engine-log.ts';
import { lookInside } from './inside.ts';
import { doubled, violations } from './invariants.ts';
import { brokenLifelines } from './lifelines.ts';
import { LIMITS, NAMESPACES, NODES, requestOf } from './operations.ts';
import { call } from './published.ts';
import type { RandomWorld } from './random-world.ts';
import { inWords } from './test-cluster.ts';
import { isAtRest, unrest } from './unrest.ts';

/** Looks at the cluster from outside, and fails the test with all that it finds. */
export class Watch {
  readonly #t: ExecutionContext;
  readonly #world: RandomWorld;
  /** Containers whose publication was found to be right. */
  readonly #proven = new Set<string>();
  /** When each container was known to have answered; of those whose log is gone: always. */
  readonly #answeredAt = new Map<string, number>();
  #checkedUpTo = 0;

  constructor(t: ExecutionContext, world: RandomWorld) {
    this.#t = t;
    this.#world = world;
  }

  /** The safety invariants, from what the engines themselves list and told. */
  async holds(told: string): Promise<void> {
    const world = this.#world;
    const found = await Promise.all([
      world.services().then(services => world.acknowledged.check(services)),
      this.#publishedUnproven(),
      this.#wrongNow(),
      this.#brokenLifelines(),
    ]);
    const all = [...found.flat(), ...world.log.foreign.map(what => `invariant 4: ${what}`)];
    if (all.length > 0) await this.#fail(told, all);
  }

  /** All that run: their devices, what is published of them, and what is not ours beside them. */
  async insideIsWhatWasGiven(told: string): Promise<void> {
    const { cluster } = this.#world;
    const live = await cluster.holdings.live();
    const found: string[] = [];
    for (const [node, engine] of cluster.engines) {
      const holdings = live.filter(h => h.node === node);
      for (const [containerId, { deviceNodes, uuids }] of await lookInside(engine, holdings)) {
        const { namespace, replicaId, devices } = holdings.find(h => h.containerId === containerId)!;
        const given = [...devices].sort();
        const expected = Object.fromEntries(given.map(index => [index, engine.gpus.all[index]?.uuid]));
        if (String(deviceNodes) !== String(given) || JSON.stringify(uuids) !== JSON.stringify(expected))
          found.push(
            `invariant 2: ${namespace}/${replicaId} on ${node} was given ${given} and has ${deviceNodes} ${JSON.stringify(uuids)}`,
          );
      }
    }
    found.push(...(await this.#world.harmedLookAlikes()).map(state => `invariant 4: ${state}`));
    await this.#endpointsAnswer(told);
    if (found.length > 0) await this.#fail(told, found);
  }

  /**
   * Every node is there again, and nothing more happens: each service has what was acknowledged, or waits for room that
   * there is not; every container is one of those, and every endpoint leads to one.
   */
  async comesToRest(told: string): Promise<void> {
    const world = this.#world;
    for (const node of NODES) {
      await world.carryOut({ what: 'back', node });
      await world.carryOut({ what: 'undrain', node });
    }
    await until(
      async () => `all comes to rest after ${told}; but\n${(await unrest(world)).join('\n')}`,
      async () => (await unrest(world)).length === 0,
      // Back-off doubles with each kill of the same replica.
      { deadlineMs: 5 * 60_000, pauseMs: 200 },
    );
    for (const holding of (await world.cluster.holdings.live()).filter(isAtRest)) {
      const { nodes, uuids } = await world.cluster.devicesInside(holding);
      const of = `${holding.namespace}/${holding.replicaId} has other devices inside`;
      const given = [...holding.devices].sort();
      this.#t.deepEqual(nodes, given, of);
      const { all } = world.cluster.engine(holding.node).gpus;
      this.#t.deepEqual(
        uuids,
        given.map(index => all[index]?.uuid),
        of,
      );
    }
    await this.insideIsWhatWasGiven(told);
    await this.holds(told);
  }

  /** Containers that have what they must not have, and those that a draining node was given. */
  async #wrongNow(): Promise<readonly string[]> {
    const { cluster, drained } = this.#world;
    const before = [...drained];
    const live = await cluster.holdings.live();
    const found = [...violations(live, requestOf)];
    if (new Set(live.map(h => h.replicaId)).size < live.length) {
      found.push(...doubled(live, await cluster.holdings.live()));
    }
    for (const [name, known] of before) {
      const news = live.filter(
        h => h.node === name && !known.containers.has(h.containerId) && !known.replicas.has(h.replicaId),
      );
      found.push(...news.map(h => `${name} is being drained and got ${h.namespace}/${h.replicaId} (${h.state})`));
    }
    return found;
  }

  /** What is published answered before, by what it wrote itself. */
  async #publishedUnproven(): Promise<readonly string[]> {
    const { published, cluster, answers } = this.#world;
    const { endpoints, answeredAt } = await published.look(cluster.controlPlane, NAMESPACES);
    const news = endpoints.filter(e => !this.#proven.has(e.containerId));
    const found = await Promise.all(
      news.map(async endpoint => {
        this.#proven.add(endpoint.containerId);
        const first = await answers.firstOf(endpoint, { withinMs: WRITTEN_WITHIN_MS });
        if (first === 'gone' || (first !== null && first <= answeredAt + WRITTEN_WITHIN_MS)) return [];
        return [`invariant 5: ${endpoint.namespace}/${endpoint.replicaId} was published before it answered anybody`];
      }),
    );
    return found.flat();
  }

  async #brokenLifelines(): Promise<readonly string[]> {
    const { log, faults, published } = this.#world;
    const upTo = await log.upToDate();
    await this.#noteAnswers(log.runs);
    const after = this.#checkedUpTo;
    this.#checkedUpTo = upTo;
    const facts = {
      runs: log.runs,
      faults,
      limits: LIMITS,
      requestOf,
      publishedAt: (containerId: string) => published.lastSeenAt(containerId),
      hadAnswered: ({ containerId }: Run, at: number) => (this.#answeredAt.get(containerId) ?? Infinity) <= at,
    };
    return brokenLifelines(facts, { after, upTo });
  }

  /** Of those that nobody changes: whose going is judged by who else serves. */
  async #noteAnswers(runs: readonly Run[]): Promise<void> {
    const unknown = runs.filter(
      r => LIMITS.steadyReplicas(r.namespace) !== null && !this.#answeredAt.has(r.containerId),
    );
    await Promise.all(
      unknown.map(async run => {
        const first = await this.#world.answers.firstOf(run);
        if (first !== null) this.#answeredAt.set(run.containerId, first === 'gone' ? 0 : first);
      }),
    );
  }

  /** Each endpoint leads to its own container, until it is withdrawn. */
  async #endpointsAnswer(told: string): Promise<void> {
    const { published, cluster, faults } = this.#world;
    const look = async () =>
      (await published.look(cluster.controlPlane, NAMESPACES)).endpoints.filter(e => !faults.is('cut', e.node));
    const wrong = async (): Promise<readonly string[]> => {
      const answers = await Promise.all((await look()).map(async e => ({ ...e, answer: await call(e) })));
      const silent = answers.filter(e => !e.containerId.startsWith(e.answer) || e.answer === '');
      const still = new Set(silent.length === 0 ? [] : (await look()).map(e => e.containerId));
      return silent
        .filter(e => still.has(e.containerId))
        .map(
          e =>
            `invariant 5: ${e.namespace}/${e.replicaId} (${e.containerId.slice(0, 12)}) on ${e.node} answers ${e.answer}`,
        );
    };
    await until(
      async () => `every endpoint answers after ${told}: ${(await wrong()).join('\n')}`,
      async () => (await wrong()).length === 0,
    );
  }

  async #fail(told: string, found: readonly string[]): Promise<never> {
    const services = await this.#world.services();
    this.#t.fail(`after ${told}:\n${found.join('\n')}\n${services.map(inWords).join('\n')}`);
    throw new Error('an invariant does not hold');
  }
}

/** A server's line is stamped when the engine reads it: after the answer, and so maybe after the publication. */
const WRITTEN_WITHIN_MS = 1_400;
