import test from 'ava';
import { type Given, ReplicasInUse } from '../../client/replicas-in-use.ts';

/** A client whose calls on what left end when the test says so. */
class Client {
  readonly confirmed: number[] = [];
  readonly #ends: (() => void)[] = [];
  #isBusy = false;
  readonly inUse = new ReplicasInUse<Given>(() => {
    if (!this.#isBusy) return [];
    return [new Promise<void>(resolve => this.#ends.push(resolve))];
  });

  open(): string[] {
    return this.inUse.opened(version => void this.confirmed.push(version));
  }

  /** Still calls what leaves in this one. */
  givenWhileBusy(given: Given): void {
    this.#isBusy = true;
    this.inUse.given(given);
    this.#isBusy = false;
  }

  async end(nth: number): Promise<void> {
    this.#ends[nth]?.();
    await new Promise(resolve => setImmediate(resolve));
  }
}

function given(version: number, replicaIds: readonly string[], other: Partial<Given> = {}): Given {
  return { version, epoch: 'life1', known: true, endpoints: replicaIds.map(replicaId => ({ replicaId })), ...other };
}

test('a version from which nothing left is confirmed as soon as it is put to use', t => {
  const client = new Client();
  t.deepEqual(client.open(), []);
  client.inUse.given(given(4, ['a']));
  client.inUse.given(given(5, ['a', 'b']));
  t.deepEqual(client.confirmed, [4, 5]);
});

test('what left is confirmed once its calls have ended, and newer versions not before it', async t => {
  const client = new Client();
  client.open();
  client.inUse.given(given(4, ['a']));
  client.givenWhileBusy(given(5, ['b']));
  client.givenWhileBusy(given(6, ['c']));
  client.inUse.given(given(7, ['c', 'd']));
  t.is(client.confirmed.at(-1), 4);
  await client.end(1);
  t.is(client.confirmed.at(-1), 4, 'a is still called');
  await client.end(0);
  t.is(client.confirmed.at(-1), 7);
});

test('a watch that is opened again says what is called of what is there, and of what has left', async t => {
  const client = new Client();
  client.open();
  client.inUse.given(given(4, ['a', 'b']));
  client.givenWhileBusy(given(5, ['b']));
  client.inUse.lost();
  t.deepEqual(client.open(), ['b', 'a']);
  await client.end(0);
  client.inUse.lost();
  t.deepEqual(client.open(), ['b']);
});

test('what left before a watch was opened anew holds up what that one gave first', async t => {
  const client = new Client();
  client.open();
  client.inUse.given(given(40, ['a', 'b']));
  client.givenWhileBusy(given(50, ['b']));
  client.inUse.lost();
  client.confirmed.length = 0;
  client.open();
  client.inUse.given(given(3, ['b'], { epoch: 'life2' }));
  client.inUse.given(given(4, ['b', 'c'], { epoch: 'life2' }));
  t.true(
    client.confirmed.every(version => version < 3),
    'a may be called',
  );
  await client.end(0);
  t.is(client.confirmed.at(-1), 4);
});

test('a watch is told nothing in the versions of the one before', async t => {
  const client = new Client();
  client.open();
  client.inUse.given(given(40, ['a', 'b']));
  client.givenWhileBusy(given(50, ['b']));
  client.givenWhileBusy(given(60, []));
  client.inUse.lost();
  client.confirmed.length = 0;
  await client.end(0);
  client.open();
  await client.end(1);
  t.deepEqual(client.confirmed, []);
});

test('another life that does not know the service is believed only after a while, and calls go on until then', t => {
  const client = new Client();
  client.open();
  client.inUse.given(given(4, ['a']));
  client.inUse.lost();
  client.confirmed.length = 0;
  client.open();
  t.is(client.inUse.given(given(0, [], { epoch: 'life2', known: false })), 'doubted');
  t.deepEqual(client.confirmed, []);
  t.is(client.inUse.newest?.version, 4);
  client.inUse.believe();
  t.deepEqual(client.confirmed, [0]);
  t.is(client.inUse.newest?.known, false);
});

test('what was doubted is forgotten once something newer has come, or the watch broke', t => {
  const client = new Client();
  client.open();
  client.inUse.given(given(4, ['a']));
  for (const next of [() => client.inUse.given(given(1, ['a'], { epoch: 'life2' })), () => client.inUse.lost()]) {
    client.inUse.lost();
    client.open();
    client.inUse.given(given(0, [], { epoch: 'life3', known: false }));
    next();
    client.inUse.believe();
    t.deepEqual(
      client.inUse.newest?.endpoints.map(e => e.replicaId),
      ['a'],
    );
  }
});

test('a client that ended has nothing in use but what it remembers, and confirms nothing more', async t => {
  const client = new Client();
  client.open();
  client.inUse.given(given(4, ['a', 'b']));
  client.givenWhileBusy(given(5, ['b']));
  client.inUse.ended();
  client.confirmed.length = 0;
  await client.end(0);
  t.deepEqual(client.confirmed, []);
  t.deepEqual(client.open(), ['b']);
});
