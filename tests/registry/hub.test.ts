import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import { MAX_REMEMBERED_LEAVERS } from '../../control-plane/registry/callers.ts';
import { DiscoveryHub, type Snapshot, type Watcher } from '../../control-plane/registry/hub.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { endpoint } from '../fakes/endpoint.ts';

const A: ServiceKey = 'shop/a';
const B: ServiceKey = 'shop/b';

function publish(hub: DiscoveryHub, services: Record<ServiceKey, readonly string[]>): void {
  const keys = Object.keys(services) as ServiceKey[];
  const endpoints = keys.flatMap(service =>
    (services[service] ?? []).map(replicaId => endpoint({ service, replicaId })),
  );
  hub.publish(new Set(keys), endpoints);
}

const idsOf = (snapshot: Snapshot) => snapshot.endpoints.map(e => e.replicaId);

type Step =
  | { kind: 'publish'; services: Record<string, readonly string[]> }
  | { kind: 'watch'; service: ServiceKey; isAnonymous: boolean }
  | { kind: 'acknowledge'; watcher: number; back: number }
  | { kind: 'close' | 'lose' | 'come back'; watcher: number }
  | { kind: 'pass'; ms: number };

const RETURN_MS = 10_000;
const someIds = fc.subarray(['r1', 'r2', 'r3']);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('publish' as const),
    services: fc.dictionary(fc.constantFrom(A, B), someIds, { noNullPrototype: true }),
  }),
  fc.record({ kind: fc.constant('watch' as const), service: fc.constantFrom(A, B), isAnonymous: fc.boolean() }),
  fc.record({ kind: fc.constant('acknowledge' as const), watcher: fc.nat(3), back: fc.nat(2) }),
  fc.record({ kind: fc.constantFrom('close' as const, 'lose' as const, 'come back' as const), watcher: fc.nat(3) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1_000, 4_000, RETURN_MS) }),
);

/** One client: what it was given, what it uses. Knows nothing of how the hub keeps its books. */
class Client {
  readonly service: ServiceKey;
  readonly id: string | null;
  state: 'watches' | 'is away' | 'is gone' = 'watches';
  lostAt = 0;
  /** Of the present watch. */
  given: Snapshot[] = [];
  acknowledged = -1;
  /** What it used when the present watch began. */
  #carried: ReadonlySet<string> = new Set();
  #watcher: Watcher;

  constructor(hub: DiscoveryHub, service: ServiceKey, id: string | null) {
    this.service = service;
    this.id = id;
    this.#watcher = this.#watch(hub);
  }

  /** Ids that its calls may go to: those of the last acknowledged snapshot and of all that came after it. */
  get uses(): ReadonlySet<string> {
    const from = this.given.findLastIndex(g => g.version <= this.acknowledged);
    const ofThisWatch = this.given.slice(Math.max(0, from)).flatMap(idsOf);
    return new Set([...ofThisWatch, ...(from < 0 ? this.#carried : [])]);
  }

  acknowledge(back: number): void {
    const version = this.given.at(-1 - back)?.version;
    if (version === undefined) return;
    this.#watcher.acknowledge(version);
    if (this.state === 'watches') this.acknowledged = Math.max(this.acknowledged, version);
  }

  close(): void {
    this.#watcher.close();
    if (this.state === 'watches') this.state = 'is gone';
  }

  lose(now: number): void {
    this.#watcher.lose();
    if (this.state !== 'watches') return;
    this.state = this.id === null ? 'is gone' : 'is away';
    this.lostAt = now;
  }

  comeBack(hub: DiscoveryHub): void {
    // Also before the hub has noticed that its watch broke.
    if (this.id === null || this.state === 'is gone') return;
    this.#carried = this.uses;
    this.given = [];
    this.acknowledged = -1;
    this.state = 'watches';
    this.#watcher = this.#watch(hub);
  }

  #watch(hub: DiscoveryHub): Watcher {
    const { given, id } = this;
    return hub.watch(this.service, s => given.push(s), id === null ? null : { id, inUse: [...this.#carried] });
  }
}

test('watchers end with the newest, versions only grow, and a withdrawal is confirmed as soon as nobody uses it', t => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      let now = 0;
      const clock = { now: () => now, sleep: async () => {}, alarm: () => () => {} };
      const hub = new DiscoveryHub('epoch', { clock, returnMs: RETURN_MS });
      hub.publish(new Set(), []);
      const clients: Client[] = [];
      const seen = new Map<ServiceKey, number>([
        [A, 0],
        [B, 0],
      ]);
      let current: Record<string, readonly string[]> = {};
      for (const s of steps) {
        const client = 'watcher' in s ? clients[s.watcher] : undefined;
        switch (s.kind) {
          case 'publish':
            current = s.services;
            publish(hub, current);
            break;
          case 'watch':
            if (clients.length < 4)
              clients.push(new Client(hub, s.service, s.isAnonymous ? null : `${clients.length}`));
            break;
          case 'acknowledge':
            client?.acknowledge(s.back);
            break;
          case 'close':
            client?.close();
            break;
          case 'lose':
            client?.lose(now);
            break;
          case 'come back':
            client?.comeBack(hub);
            break;
          case 'pass':
            now += s.ms;
            break;
          default:
            s satisfies never;
        }
        for (const service of [A, B]) {
          const snapshot = hub.snapshot(service);
          t.is(snapshot.known, service in current);
          t.deepEqual(idsOf(snapshot), [...(current[service] ?? [])].sort());
          t.true(snapshot.version >= seen.get(service)!);
          seen.set(service, snapshot.version);
        }
        const watching = clients.filter(c => c.state === 'watches');
        for (const c of watching) {
          const { known, endpoints } = hub.snapshot(c.service);
          t.like(c.given.at(-1), { known, endpoints });
          t.true(c.given.every((g, i) => i === 0 || g.version > c.given[i - 1]!.version));
        }
        for (const service of [A, B]) {
          const away = clients.filter(
            c => c.state === 'is away' && c.service === service && now < c.lostAt + RETURN_MS,
          );
          for (const id of ['r1', 'r2', 'r3']) {
            const isThere = (current[service] ?? []).includes(id);
            const isUsed = watching.some(c => c.service === service && c.uses.has(id));
            const mayBeUsed = away.some(c => c.uses.has(id));
            const isConfirmed = hub.withdrawalConfirmed(service, id);
            if (isThere || isUsed || mayBeUsed) t.false(isConfirmed, `${service} ${id} is in use`);
            // Who is away is believed to use whatever leaves, so nothing is expected then.
            else if (!clients.some(c => c.state === 'is away' && c.service === service))
              t.true(isConfirmed, `${service} ${id}`);
          }
        }
        t.is(hub.watcherCount(), watching.length);
      }
    }),
    { numRuns: 500 },
  );
});

test('a client that went without a word is waited for, and what it used when it went for as long as a drain may take', async t => {
  const clock = new VirtualClock();
  const hub = new DiscoveryHub('epoch', { clock, returnMs: RETURN_MS });
  hub.publish(new Set(), []);
  publish(hub, { [A]: ['r1', 'r2', 'r3'] });
  const watcher = hub.watch(A, () => {}, { id: 'client', inUse: [] });
  publish(hub, { [A]: ['r2', 'r3'] });
  watcher.lose();
  publish(hub, { [A]: ['r3'] });
  let told = 0;
  hub.onAcknowledged(() => told++);
  const confirmed = (options = {}) => ['r1', 'r2'].map(id => hub.withdrawalConfirmed(A, id, options));
  t.deepEqual(confirmed(), [false, false]);
  t.deepEqual(confirmed({ expectReturns: false }), [false, true], 'only of r1 it is known');
  t.is(told, 0);
  await clock.advance(RETURN_MS);
  t.is(told, 1, 'whoever waits looks again');
  t.deepEqual(confirmed(), [false, true], 'it did not return in time, and may use r1 all the same');
  await clock.advance(24 * 3_600_000);
  t.deepEqual(confirmed(), [true, true]);
  t.is(clock.waiting, 0);
});

test('a client that comes back says what it uses, and nothing else is kept for it', t => {
  const hub = new DiscoveryHub('epoch', { clock: new VirtualClock() });
  hub.publish(new Set(), []);
  publish(hub, { [A]: ['r1', 'r2', 'r3'] });
  hub.watch(A, () => {}, { id: 'client', inUse: [] }).lose();
  publish(hub, { [A]: ['r3'] });
  const again = hub.watch(A, () => {}, { id: 'client', inUse: ['r1', 'r3'] });
  t.false(hub.withdrawalConfirmed(A, 'r1'));
  t.true(hub.withdrawalConfirmed(A, 'r2'));
  again.acknowledge(hub.snapshot(A).version);
  t.true(hub.withdrawalConfirmed(A, 'r1'));
});

test('a client whose watch breaks again before it let go is remembered with what it had brought', t => {
  const hub = new DiscoveryHub('second life', { clock: new VirtualClock(), returnMs: 0 });
  publish(hub, { [A]: ['r2'] });
  hub.watch(A, () => {}, { id: 'client', inUse: ['r1'] }).lose();
  t.false(hub.withdrawalConfirmed(A, 'r1'));
  hub.watch(A, () => {}, { id: 'client', inUse: [] });
  t.true(hub.withdrawalConfirmed(A, 'r1'));
});

test('a new life waits for the clients of services that it took over, unless the service is to go', async t => {
  const clock = new VirtualClock();
  const hub = new DiscoveryHub('second life', { clock, returnMs: RETURN_MS });
  t.false(hub.withdrawalConfirmed(A, 'r1'), 'nobody could come yet');
  await clock.advance(5_000);
  publish(hub, { [A]: ['r2'] });
  const began = clock.now();
  t.is(hub.since, began);
  publish(hub, { [A]: ['r2'], [B]: ['r3'] });
  publish(hub, { [A]: ['r2'], [B]: [] });
  t.true(hub.withdrawalConfirmed(B, 'r3'), 'nobody knew it in an earlier life');
  t.true(hub.withdrawalConfirmed(A, 'r1', { expectReturns: false }));
  // Nothing but the hub's own alarms moves the time.
  await clock.advanceUntil(() => hub.withdrawalConfirmed(A, 'r1'), 60_000);
  t.is(clock.now(), began + RETURN_MS);
  t.is(hub.since, began);
});

test('a closed hub waits for nobody', t => {
  const clock = new VirtualClock();
  const hub = new DiscoveryHub('second life', { clock });
  publish(hub, { [A]: [] });
  t.false(hub.withdrawalConfirmed(A, 'r1'));
  t.is(clock.waiting, 1);
  hub.close();
  t.is(clock.waiting, 0);
});

test('clients that are away are remembered up to a bound, those that went last', t => {
  const hub = new DiscoveryHub('epoch', { returnMs: 60_000 });
  hub.publish(new Set(), []);
  publish(hub, { [A]: ['r1'] });
  const inUse = Array.from({ length: 1_000 }, (_, i) => `busy${i}`);
  for (let i = 0; i < 120; i++) hub.watch(A, () => {}, { id: `client${i}`, inUse: [...inUse, `of${i}`] }).lose();
  t.true(hub.withdrawalConfirmed(A, 'of0', { expectReturns: false }));
  t.false(hub.withdrawalConfirmed(A, 'of119'));
});

test('only watchers of a changed service hear of it', t => {
  const hub = new DiscoveryHub('epoch', { returnMs: 0 });
  publish(hub, { [A]: ['r1'], [B]: ['r2'] });
  let ofA = 0;
  let ofB = 0;
  hub.watch(A, () => ofA++);
  hub.watch(B, () => ofB++);
  publish(hub, { [A]: ['r1'], [B]: ['r2', 'r3'] });
  publish(hub, { [A]: ['r1'], [B]: ['r3', 'r2'] });
  t.deepEqual([ofA, ofB], [1, 2]);
});

test('a version that a watcher was never given, or not a number, confirms nothing', t => {
  const hub = new DiscoveryHub('epoch', { returnMs: 0 });
  publish(hub, { [A]: ['r1', 'r2'] });
  const watcher = hub.watch(A, () => {});
  watcher.acknowledge(Number.MAX_SAFE_INTEGER);
  watcher.acknowledge(Number.NaN);
  publish(hub, { [A]: ['r2'] });
  t.false(hub.withdrawalConfirmed(A, 'r1'));
  watcher.acknowledge(hub.snapshot(A).version);
  t.true(hub.withdrawalConfirmed(A, 'r1'));
});

test('a replica that came back and left again does not hold up one that left in between', t => {
  const hub = new DiscoveryHub('epoch', { returnMs: 0 });
  publish(hub, { [A]: ['r1', 'r2'] });
  const versions: number[] = [];
  const watcher = hub.watch(A, snapshot => versions.push(snapshot.version));
  for (const ids of [['r2'], ['r1', 'r2'], ['r1'], []]) publish(hub, { [A]: ids });
  watcher.acknowledge(versions.at(-2)!);
  t.true(hub.withdrawalConfirmed(A, 'r2'));
  t.false(hub.withdrawalConfirmed(A, 'r1'));
});

test('closing twice does not take the service from those who came later', t => {
  const hub = new DiscoveryHub('epoch', { returnMs: 0 });
  const first = hub.watch(A, () => {});
  first.close();
  const heard: string[][] = [];
  hub.watch(A, snapshot => heard.push(idsOf(snapshot)));
  first.close();
  publish(hub, { [A]: ['r1'] });
  t.deepEqual(heard, [[], ['r1']]);
});

test('a service that goes and comes back never shows an older version, not even while it is unknown', t => {
  const hub = new DiscoveryHub('epoch', { returnMs: 0 });
  publish(hub, { [A]: ['r1'] });
  const before = hub.snapshot(A).version;
  publish(hub, {});
  const gone = hub.snapshot(A);
  t.false(gone.known);
  t.true(gone.version > before);
  publish(hub, { [A]: ['r1'] });
  t.true(hub.snapshot(A).version > gone.version);
});

test('a listener that publishes, watches and closes while it is called leaves everybody with the newest', t => {
  const hub = new DiscoveryHub('epoch', { returnMs: 0 });
  publish(hub, { [A]: ['r1'] });
  const heard = new Map<string, string[]>();
  const note = (name: string) => (snapshot: Snapshot) =>
    heard.set(name, [...(heard.get(name) ?? []), `${snapshot.version}:${idsOf(snapshot)}`]);
  let nested = false;
  hub.watch(A, snapshot => {
    note('first')(snapshot);
    if (nested || idsOf(snapshot).join() !== 'r2') return;
    nested = true;
    hub.watch(A, note('late'));
    leaving.close();
    publish(hub, { [A]: ['r3'] });
  });
  const leaving = hub.watch(A, note('leaving'));
  hub.watch(A, note('last'));
  publish(hub, { [A]: ['r2'] });
  t.deepEqual(Object.fromEntries(heard), {
    first: ['1:r1', '2:r2', '3:r3'],
    leaving: ['1:r1'],
    last: ['1:r1', '3:r3'],
    late: ['2:r2', '3:r3'],
  });
});

test('a listener that throws is reported, and the others are served', t => {
  const errors: unknown[] = [];
  const hub = new DiscoveryHub('epoch', { onListenerError: error => errors.push(error) });
  const heard: string[][] = [];
  hub.watch(A, () => {
    throw new Error('defect');
  });
  hub.watch(A, snapshot => heard.push(idsOf(snapshot)));
  publish(hub, { [A]: ['r1'] });
  t.deepEqual(heard, [[], ['r1']]);
  t.is(errors.length, 2);
});

test('10,000 watchers who never acknowledge hold no more memory after 300 changes than after the first', t => {
  const hub = new DiscoveryHub('epoch', { returnMs: 0 });
  const last = new Map<number, Snapshot>();
  for (let i = 0; i < 10_000; i++) hub.watch(A, snapshot => last.set(i, snapshot));
  const change = (n: number) => publish(hub, { [A]: [`r${n % 50}`, `r${(n + 1) % 50}`] });
  change(0);
  const before = usedBytes();
  for (let n = 1; n <= 300; n++) change(n);
  t.true(usedBytes() - before < 5 * 1024 * 1024);
  t.true(
    [...last.values()].every(s => s === hub.snapshot(A)),
    'all share the one newest snapshot',
  );
  t.false(hub.withdrawalConfirmed(A, 'r7'));
});

test('replicas that leave a watched service are remembered up to a bound, beyond which the first is forgotten and told of', t => {
  const forgotten: string[] = [];
  const hub = new DiscoveryHub('epoch', { returnMs: 0, onForgotten: service => forgotten.push(service) });
  const watcher = hub.watch(A, () => {});
  publish(hub, { [A]: ['replica-0'] });
  const before = usedBytes();
  const leave = (from: number, to: number) => {
    for (let n = from; n <= to; n++) publish(hub, { [A]: [`replica-${n}`], [`namespace${n}/service`]: [`s${n}`] });
  };
  const isInUse = (n: number) => !hub.withdrawalConfirmed(A, `replica-${n}`);
  leave(1, MAX_REMEMBERED_LEAVERS);
  t.deepEqual([isInUse(0), isInUse(MAX_REMEMBERED_LEAVERS - 1), forgotten], [true, true, []]);
  leave(MAX_REMEMBERED_LEAVERS + 1, 12_000);
  t.deepEqual([isInUse(0), isInUse(1_999), isInUse(2_000), isInUse(11_999)], [false, false, true, true]);
  t.deepEqual(forgotten, [A], 'not for each');
  t.deepEqual([...hub.services()].sort(), ['namespace12000/service', A], 'services that went leave nothing');
  t.true(usedBytes() - before < 10 * 1024 * 1024);
  watcher.acknowledge(hub.snapshot(A).version);
  t.false(isInUse(11_999));
  leave(12_001, 12_001 + MAX_REMEMBERED_LEAVERS);
  t.deepEqual(forgotten, [A, A], 'again once they are too many again');
});

/** What is reachable, after a full collection. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
