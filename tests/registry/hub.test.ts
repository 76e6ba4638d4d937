import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import { DiscoveryHub, type Snapshot, type Watcher } from '../../control-plane/registry/hub.ts';
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
  | { kind: 'watch'; service: ServiceKey }
  | { kind: 'acknowledge'; watcher: number; back: number }
  | { kind: 'close'; watcher: number };

const someIds = fc.subarray(['r1', 'r2', 'r3']);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('publish' as const),
    services: fc.dictionary(fc.constantFrom(A, B), someIds, { noNullPrototype: true }),
  }),
  fc.record({ kind: fc.constant('watch' as const), service: fc.constantFrom(A, B) }),
  fc.record({ kind: fc.constant('acknowledge' as const), watcher: fc.nat(3), back: fc.nat(2) }),
  fc.record({ kind: fc.constant('close' as const), watcher: fc.nat(3) }),
);

/** One client: what it was given, what it uses. Knows nothing of how the hub keeps its books. */
interface Client {
  readonly service: ServiceKey;
  readonly given: Snapshot[];
  /** Ids that its connections may go to: those of the last acknowledged snapshot and of all that came after it. */
  uses: Set<string>;
  acknowledged: number;
  watcher: Watcher;
  open: boolean;
}

test('watchers end with the newest, versions only grow, and a withdrawal is confirmed if and only if nobody uses it', t => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const hub = new DiscoveryHub('epoch');
      const clients: Client[] = [];
      const seen = new Map<ServiceKey, number>([
        [A, 0],
        [B, 0],
      ]);
      let current: Record<string, readonly string[]> = {};
      for (const s of steps) {
        const client = clients.length > 0 && 'watcher' in s ? clients[s.watcher % clients.length] : undefined;
        switch (s.kind) {
          case 'publish':
            current = s.services;
            publish(hub, s.services);
            break;
          case 'watch': {
            const given: Snapshot[] = [];
            const watcher = hub.watch(s.service, snapshot => given.push(snapshot));
            clients.push({ service: s.service, given, uses: new Set(), acknowledged: -1, watcher, open: true });
            break;
          }
          case 'acknowledge':
            if (client) {
              const version = client.given.at(-1 - s.back)?.version;
              if (version !== undefined) client.watcher.acknowledge(version);
              if (version !== undefined && client.open) client.acknowledged = Math.max(client.acknowledged, version);
            }
            break;
          case 'close':
            if (client) {
              client.watcher.close();
              client.open = false;
            }
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
        for (const c of clients.filter(c => c.open)) {
          const { known, endpoints } = hub.snapshot(c.service);
          t.like(c.given.at(-1), { known, endpoints });
          t.true(c.given.every((g, i) => i === 0 || g.version > c.given[i - 1]!.version));
          const from = c.given.findLastIndex(g => g.version <= c.acknowledged);
          c.uses = new Set(c.given.slice(Math.max(0, from)).flatMap(idsOf));
        }
        for (const service of [A, B]) {
          for (const id of ['r1', 'r2', 'r3']) {
            const isThere = (current[service] ?? []).includes(id);
            const isUsed = clients.some(c => c.open && c.service === service && c.uses.has(id));
            t.is(hub.withdrawalConfirmed(service, id), !isThere && !isUsed, `${service} ${id}`);
          }
        }
        t.is(hub.watcherCount(), clients.filter(c => c.open).length);
      }
    }),
    { numRuns: 300 },
  );
});

test('only watchers of a changed service hear of it', t => {
  const hub = new DiscoveryHub('epoch');
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
  const hub = new DiscoveryHub('epoch');
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
  const hub = new DiscoveryHub('epoch');
  publish(hub, { [A]: ['r1', 'r2'] });
  const versions: number[] = [];
  const watcher = hub.watch(A, snapshot => versions.push(snapshot.version));
  for (const ids of [['r2'], ['r1', 'r2'], ['r1'], []]) publish(hub, { [A]: ids });
  watcher.acknowledge(versions.at(-2)!);
  t.true(hub.withdrawalConfirmed(A, 'r2'));
  t.false(hub.withdrawalConfirmed(A, 'r1'));
});

test('closing twice does not take the service from those who came later', t => {
  const hub = new DiscoveryHub('epoch');
  const first = hub.watch(A, () => {});
  first.close();
  const heard: string[][] = [];
  hub.watch(A, snapshot => heard.push(idsOf(snapshot)));
  first.close();
  publish(hub, { [A]: ['r1'] });
  t.deepEqual(heard, [[], ['r1']]);
});

test('a service that goes and comes back never shows an older version, not even while it is unknown', t => {
  const hub = new DiscoveryHub('epoch');
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
  const hub = new DiscoveryHub('epoch');
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
  const hub = new DiscoveryHub('epoch');
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

test('replicas that leave a watched service are remembered up to a bound, and services that went leave nothing', t => {
  const hub = new DiscoveryHub('epoch');
  hub.watch(A, () => {});
  publish(hub, { [A]: ['r0'] });
  const before = usedBytes();
  for (let n = 0; n < 12_000; n++) publish(hub, { [A]: [`replica-${n}`], [`namespace${n}/service`]: [`s${n}`] });
  t.false(hub.withdrawalConfirmed(A, 'replica-11000'), 'a recent one is still in use');
  t.deepEqual([...hub.services()].sort(), ['namespace11999/service', A]);
  t.true(usedBytes() - before < 10 * 1024 * 1024);
});

/** What is reachable, after a full collection. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
