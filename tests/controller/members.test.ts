import test from 'ava';
import pino from 'pino';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { Members } from '../../control-plane/nodes/members.ts';
import { LOCAL_PROFILE, type Member } from '../../control-plane/ports.ts';
import { aContainer } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { FakeEngine } from '../fakes/engine.ts';

const SIGNAL = new AbortController().signal;

/** Members on fake engines that answer after 10 ms, looked at once. */
async function onFakes(...names: string[]) {
  const clock = new VirtualClock();
  const engines = names.map(node => new FakeEngine({ clock, node, latencyMs: 10, deadlineMs: 1e9 }));
  const closed: string[] = [];
  const member = (engine: FakeEngine): Member => ({
    engine,
    profile: LOCAL_PROFILE,
    close: () => closed.push(engine.node),
  });
  const logged: Record<string, unknown>[] = [];
  const log = pino({ base: null, timestamp: false }, { write: line => logged.push(JSON.parse(line)) });
  const members = new Members({ clock, log, onListing: () => {} });
  members.set(engines.map(member));
  const looked = async () => during(clock, members.firstLook());
  await looked();
  return { clock, engines, member, members, closed, logged, looked };
}

async function during<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  await clock.advanceUntil(() => done, 60_000);
  return promise;
}

test('an image is what the first node by name says that has it, and nobody waits for one that is away', async t => {
  const { clock, engines, members } = await onFakes('c', 'a', 'b');
  const [c, a, b] = engines;
  const imageId = () => during(clock, members.imageId('image:1', SIGNAL));
  t.is(await imageId(), null);
  c!.machine.images.set('image:1', 'of c');
  t.is(await imageId(), 'of c');
  b!.machine.images.set('image:1', 'of b');
  t.is(await imageId(), 'of b');
  a!.machine.images.set('image:1', 'of a');
  a!.failNext('imageId', { kind: 'hang' });
  const from = clock.now();
  t.is(await imageId(), 'of b', 'one that hangs is passed over');
  t.true(clock.now() - from <= 500);
  t.is(await imageId(), 'of a');
});

test('who asks for a subnet that is taken is told on which nodes, and a node that hangs is not waited for', async t => {
  const { clock, engines, members } = await onFakes('a', 'b', 'c');
  const network = (given: object) => [{ name: 'shop_back', key: 'back', aliases: [], ...given }];
  const taken = { subnets: ['10.9.0.0/24'] };
  const troubles = (given: object) =>
    during(clock, members.subnetTroubles(aSpec({ networks: network(given) }), SIGNAL));
  t.deepEqual(await troubles(taken), []);
  for (const { machine } of engines) machine.takenSubnets.set('10.9.0.0/24', 'the network web');
  engines[0]!.failNext('subnetTroubles', { kind: 'hang' });
  const from = clock.now();
  const told = await troubles(taken);
  t.true(clock.now() - from <= 500);
  t.is(told.length, 2);
  t.regex(told[0] ?? '', /^node b: The subnet 10\.9\.0\.0\/24 .* covers the network web; .* no replica starts there/);
  t.regex(told[1] ?? '', /^node c: /);
  const asked = () => engines.flatMap(e => e.calls.filter(c => c.method === 'subnetTroubles')).length;
  const before = asked();
  t.deepEqual(await troubles({}), []);
  t.deepEqual(await troubles({ ...taken, external: true }), []);
  t.is(asked(), before, 'where no subnet is asked for, no engine is');
});

test('volumes are removed on every node that answers, and those that do not are named', async t => {
  const { clock, engines, members } = await onFakes('a', 'b');
  const asked = () => engines.map(e => e.calls.filter(c => c.method === 'cleanNamespace').length);
  await during(clock, members.removeVolumes('ns', SIGNAL));
  t.deepEqual(asked(), [1, 1]);
  engines[1]!.failNext('observe', { kind: 'error', error: new OutriggerError('unavailable', 'down') });
  await during(clock, members.firstLook());
  const error = await t.throwsAsync(during(clock, members.removeVolumes('ns', SIGNAL)), {
    instanceOf: OutriggerError,
    message: /volumes of ns may be left on b/,
  });
  t.is((error as OutriggerError).code, 'unavailable');
  t.deepEqual(asked(), [2, 1]);
});

test('a node that is left goes once its networks are removed, and its engine is closed then', async t => {
  const { clock, engines, member, members, closed } = await onFakes('a', 'b');
  members.set([member(engines[0]!)]);
  t.true(members.nodes().get('b')?.leaving);
  const b = engines[1]!;
  b.machine.networks.set('ns_default', { instance: b.instance, namespace: 'ns' });
  b.machine.networks.set('other_default', { instance: 'another', namespace: 'other' });
  members.release(['b']);
  t.deepEqual(closed, [], 'its networks are there');
  await clock.advance(100);
  t.deepEqual([...b.machine.networks.keys()], ['other_default']);
  members.release(['b']);
  t.deepEqual(closed, ['b']);
  t.deepEqual([...members.nodes().keys()], ['a']);
  t.deepEqual([...members.engines.keys()], ['a']);
});

test('a node that is left and does not answer goes at once', async t => {
  const { engines, member, members, closed, looked } = await onFakes('a', 'b');
  engines[1]!.observe = async () => Promise.reject(new OutriggerError('unavailable', 'down'));
  await looked();
  members.set([member(engines[0]!)]);
  members.release(['b']);
  t.deepEqual(closed, ['b']);
});

test('a node whose engine has another name now is forgotten at once, as what runs there is found under that', async t => {
  const { clock, engines, member, members, closed } = await onFakes('a', 'b');
  const way = { profile: { ...LOCAL_PROFILE, connection: 'unix:///b.sock' } };
  members.set([member(engines[0]!), { ...member(engines[1]!), ...way }]);
  const renamed = new FakeEngine({ clock, node: 'c', latencyMs: 10, deadlineMs: 1e9 });
  members.set([member(engines[0]!), { ...member(renamed), ...way }]);
  t.deepEqual(closed, ['b']);
  t.deepEqual([...members.nodes().keys()], ['a', 'c']);
});

test('a node that leaves and does not remove its networks goes all the same, with a warning', async t => {
  const { clock, engines, member, members, closed, logged } = await onFakes('a', 'b', 'c');
  engines[1]!.failNext('removeNetworks', { kind: 'hang' });
  engines[2]!.failNext('removeNetworks', { kind: 'error', error: new OutriggerError('conflict', 'no') });
  members.set([member(engines[0]!)]);
  members.release(['b', 'c']);
  await clock.advance(9_000);
  members.release(['b', 'c']);
  t.deepEqual(closed, ['c']);
  await clock.advance(2_000);
  members.release(['b', 'c']);
  t.deepEqual(closed, ['c', 'b']);
  const msg = 'a node leaves, and networks of ours may stay on it';
  t.like(logged, [
    { level: 40, node: 'c', msg, err: { code: 'conflict', message: 'no' } },
    { level: 40, node: 'b', msg, err: { code: 'timeout' } },
  ]);
  t.is(logged.length, 2);
});

test('what is under way when nobody speaks to the nodes any more is no warning', async t => {
  const { clock, engines, member, members, logged } = await onFakes('a', 'b');
  engines[1]!.failNext('removeNetworks', { kind: 'hang' });
  members.set([member(engines[0]!)]);
  members.release(['b']);
  await members.stop();
  await clock.advance(20_000);
  t.deepEqual(logged, []);
});

test('a node that is named again before it is gone stays', async t => {
  const { engines, member, members, closed } = await onFakes('a', 'b');
  members.set([member(engines[0]!)]);
  members.set(engines.map(member));
  t.false(members.nodes().get('b')?.leaving);
  members.release(['b']);
  t.deepEqual(closed, []);
});

test('a node with another engine is looked at anew, and the one before is closed', async t => {
  const { clock, engines, member, members, closed, looked } = await onFakes('a');
  const other = new FakeEngine({ clock, node: 'a', cpus: 99 });
  members.set([member(other)]);
  t.deepEqual(closed, ['a']);
  t.false(members.nodes().get('a')?.answering);
  await looked();
  t.is(members.nodes().get('a')?.cpus, 99);
  t.is(members.engines.get('a'), other);
  t.not(engines[0], other);
});

test('a way that leads to another engine makes whatever has it next no new name of the node', async t => {
  const { clock, member, members, looked } = await onFakes('a');
  const a = new FakeEngine({ clock, node: 'a' });
  a.observe = async () => {
    throw new OutriggerError('conflict', 'a was another engine', { details: { anotherEngine: true } });
  };
  const wrongly = (engine: FakeEngine): Member => ({
    ...member(engine),
    profile: { ...LOCAL_PROFILE, connection: 'tcp://wrong:2376' },
  });
  members.set([wrongly(a)]);
  await looked();
  t.like(members.nodes().get('a'), { answering: false, error: 'a was another engine' });
  const renamed = members.set([wrongly(new FakeEngine({ clock, node: 'b' }))]);
  t.deepEqual([...renamed.goesOn], []);
  t.true(members.nodes().get('a')?.leaving);
});

test('a node that is silent stays so since it fell silent, whatever way is tried next', async t => {
  const { clock, engines, member, members, looked } = await onFakes('a', 'b');
  engines[0]!.machine.setDaemon('down');
  await looked();
  const { silentSince } = members.nodes().get('a')!;
  t.not(silentSince, null);
  await clock.advance(5_000);
  const renamed = new FakeEngine({ clock, node: 'z', on: engines[0]!.machine });
  const [first, second] = engines.map(e => ({ ...LOCAL_PROFILE, connection: `fake://${e.node}` }));
  members.set([
    { ...member(engines[0]!), profile: first! },
    { ...member(engines[1]!), profile: second! },
  ]);
  members.set([
    { ...member(renamed), profile: first! },
    { ...member(engines[1]!), profile: second! },
  ]);
  t.is(members.nodes().get('z')?.silentSince, silentSince, 'nor does another name end it');
});

test("a replica's logs come from its newest container, whichever node that is on", async t => {
  const { engines, members, looked } = await onFakes('a', 'b');
  for (const [engine, attempt] of [
    [engines[0]!, 2],
    [engines[1]!, 1],
  ] as const) {
    const { observe } = engine;
    const container = aContainer({ id: `c${attempt}`, attempt });
    engine.observe = async signal => ({ ...(await observe.call(engine, signal)), containers: [container] });
  }
  await looked();
  t.like(members.newestContainers().get('r0000001'), { node: 'a', containerId: 'c2' });
});

test('a node that is named again before it is let go stays', async t => {
  const { clock, engines, member, members, closed } = await onFakes('a', 'b');
  members.set([member(engines[0]!)]);
  members.set(engines.map(member));
  members.release(['b']);
  await clock.advance(60_000);
  t.false(members.nodes().get('b')?.leaving);
  members.release(['b']);
  t.deepEqual([...members.nodes().keys()].sort(), ['a', 'b']);
  t.deepEqual(closed, []);
});
