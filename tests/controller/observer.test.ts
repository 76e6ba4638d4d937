import test from 'ava';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { firstLook, Observer } from '../../control-plane/nodes/observer.ts';
import { type Engine, LOCAL_PROFILE } from '../../control-plane/ports.ts';
import { aContainer } from '../core/replicas.ts';
import { settle, VirtualClock } from '../fakes/clock.ts';
import { FakeEngine } from '../fakes/engine.ts';

function onFakes() {
  const clock = new VirtualClock();
  const engine = new FakeEngine({ clock, latencyMs: 10, deadlineMs: 1e9, cpus: 3 });
  let listings = 0;
  const observer = new Observer({ engine, profile: LOCAL_PROFILE }, clock, () => {
    listings += 1;
  });
  const asked = () => engine.calls.filter(c => c.method === 'observe').length;
  return { clock, engine, observer, listings: () => listings, asked };
}

function bare() {
  return { cpus: 3, memoryBytes: 5, devices: [], labels: {}, images: new Set<string>(), containers: [] };
}

async function listed(clock: VirtualClock, observer: Observer): Promise<void> {
  let done = false;
  void observer.list().then(() => (done = true));
  await clock.advanceUntil(() => done, 10_000);
}

test('before the first listing nothing is known, and the node does not answer', t => {
  t.like(onFakes().observer.node(), { name: 'local', answering: false, error: 'not asked yet', containers: [] });
});

test('a node that never answered is known for one until it does, and so under another name', async t => {
  const { clock, engine } = onFakes();
  const member = { engine, profile: LOCAL_PROFILE, untouched: true };
  const observer = new Observer(member, clock, () => {});
  t.true(observer.node().untouched);
  t.true(new Observer(member, clock, () => {}, observer.node()).node().untouched);
  t.is(new Observer({ ...member, leaving: true }, clock, () => {}).node().untouched, undefined);
  await listed(clock, observer);
  t.is(observer.node().untouched, undefined);
  t.is(new Observer(member, clock, () => {}, observer.node()).node().untouched, undefined);
});

test('a listing counts from when it was asked for, not from when it came', async t => {
  const { clock, observer, listings } = onFakes();
  const from = clock.now();
  await listed(clock, observer);
  t.like(observer.node(), { answering: true, listedFrom: from, cpus: 3 });
  t.is(clock.now(), from + 10);
  t.is(listings(), 1);
});

test('an engine that fails keeps its last listing and answers no more; the next good one clears the error', async t => {
  const { clock, engine, observer, listings } = onFakes();
  engine.observe = async () => ({
    cpus: 3,
    memoryBytes: 5,
    devices: [],
    labels: { zone: 'east' },
    images: new Set(),
    containers: [aContainer()],
  });
  await listed(clock, observer);
  const good = observer.node();
  engine.observe = async () => {
    throw new OutriggerError('unavailable', 'Docker is down', { next: 'start it' });
  };
  await clock.advance(100);
  await listed(clock, observer);
  const { error, next, silentSince, ...rest } = observer.node();
  const { silentSince: before, ...known } = good;
  t.deepEqual(rest, { ...known, answering: false });
  t.is(rest.answeringSince, known.listedFrom);
  t.deepEqual([before, silentSince], [null, clock.now()]);
  t.deepEqual([error, next], ['Docker is down', 'start it']);
  t.is(listings(), 2, 'that it fails is news');
  engine.observe = async () => {
    throw new Error('without advice');
  };
  await clock.advance(5_000);
  await listed(clock, observer);
  t.like(observer.node(), { answering: false, error: 'without advice', silentSince });
  t.false('next' in observer.node(), 'no advice of an earlier error');
  engine.observe = FakeEngine.prototype.observe.bind(engine);
  const backFrom = clock.now();
  await listed(clock, observer);
  t.true(observer.node().answering);
  t.is(observer.node().error, undefined);
  await clock.advance(5_000);
  await listed(clock, observer);
  t.is(observer.node().answeringSince, backFrom, 'further answers are of the same stretch');
});

test('that the driver cannot be asked is known until it can', async t => {
  const { clock, engine, observer } = onFakes();
  engine.observe = async () => ({ ...bare(), driverTrouble: 'it hangs' });
  await listed(clock, observer);
  t.is(observer.node().driverTrouble, 'it hangs');
  engine.observe = async () => bare();
  await listed(clock, observer);
  t.false('driverTrouble' in observer.node());
});

test('a listing that gets no answer counts as none before the next one is due', async t => {
  const { clock, engine, observer } = onFakes();
  engine.failNext('observe', { kind: 'hang' });
  const from = clock.now();
  await listed(clock, observer);
  t.true(clock.now() - from >= 2_000, 'a busy engine is given time');
  t.like(observer.node(), { answering: false });
  t.regex(observer.node().error ?? '', /no answer within \d+ s/);
});

test('after a listing that was late the next one is given longer', async t => {
  const { clock, engine, observer } = onFakes();
  const slow = (latencyMs: number) => {
    engine.observe = signal => clock.sleep(latencyMs, signal).then(bare);
    return listed(clock, observer);
  };
  await slow(8_000);
  t.false(observer.node().answering);
  await slow(8_000);
  t.true(observer.node().answering, 'as a connection over several machines that takes its time to open');
  await slow(8_000);
  t.false(observer.node().answering);
});

test('it lists again every ten seconds though no event came, and every second while the engine is away', async t => {
  const { clock, engine, observer, asked } = onFakes();
  engine.loseEvents = true;
  const running = observer.run();
  await clock.advance(100);
  const before = asked();
  await clock.advance(30_030);
  t.is(asked() - before, 3);
  engine.machine.setDaemon('down');
  await clock.advance(10_000);
  t.false(observer.node().answering);
  const away = asked();
  await clock.advance(5_050);
  t.is(asked() - away, 5);
  observer.close();
  await running;
});

test('a node that stays silent wakes nobody again unless it fails otherwise, and is asked less and less often', async t => {
  const { clock, engine, observer, listings, asked } = onFakes();
  engine.loseEvents = true;
  engine.machine.setDaemon('down');
  const running = observer.run();
  await clock.advance(10_000);
  const told = listings();
  t.true(told >= 5, 'while the silence is short its length is news');
  const during = async (ms: number) => {
    const before = asked();
    await clock.advance(ms);
    return asked() - before;
  };
  t.true((await during(10_000)) >= 9);
  await during(280_000);
  const late = await during(60_000);
  t.true(late >= 5 && late <= 6, `${late} times in a minute after five minutes`);
  t.is(listings(), told);
  engine.observe = async () => {
    throw new OutriggerError('unavailable', 'another reason');
  };
  await during(20_000);
  t.is(listings(), told + 1, 'another failure is news');
  t.like(observer.node(), { error: 'another reason' });
  engine.observe = FakeEngine.prototype.observe.bind(engine);
  engine.machine.setDaemon('running');
  observer.reconfigure(LOCAL_PROFILE);
  await clock.advance(100);
  t.true(observer.node().answering, 'at once when it is configured anew, as when something is heard of it');
  t.is(listings(), told + 2);
  engine.machine.setDaemon('down');
  observer.refresh();
  await clock.advance(100);
  t.is(listings(), told + 3);
  t.true((await during(10_000)) >= 9, 'a new silence is asked about often again');
  observer.close();
  await running;
});

test('an event makes it list at once; many while a listing is under way make one more', async t => {
  const { clock, engine, observer, asked } = onFakes();
  const running = observer.run();
  await clock.advance(1_000);
  const before = asked();
  engine.machine.notify();
  await settle();
  t.is(asked(), before + 1);
  for (let i = 0; i < 5; i += 1) {
    observer.refresh();
    engine.machine.notify();
    await settle();
  }
  t.is(asked(), before + 1);
  await clock.advance(500);
  t.is(asked(), before + 2);
  observer.close();
  await running;
});

test('labels of the operator come on top of those of the engine, and may change', async t => {
  const { clock, engine, observer } = onFakes();
  const labelled = async () => ({ ...bare(), labels: { zone: 'east', rack: '7' } });
  engine.observe = labelled;
  observer.reconfigure({ ...LOCAL_PROFILE, labels: { zone: 'west' }, reservedCpus: 1 });
  t.like(observer.node(), { labels: { zone: 'west' }, reservedCpus: 1, answering: false });
  await listed(clock, observer);
  t.deepEqual(observer.node().labels, { zone: 'west', rack: '7' });
  observer.reconfigure(LOCAL_PROFILE);
  t.like(observer.node(), { labels: { zone: 'east', rack: '7' }, reservedCpus: 0, answering: true });
});

test('a node that leaves says so until it is configured again', async t => {
  const { observer } = onFakes();
  observer.leave();
  t.true(observer.node().leaving);
  observer.reconfigure(LOCAL_PROFILE);
  t.false(observer.node().leaving);
});

test('a device that is not listed any more is remembered as vanished until it is back', async t => {
  const { clock, engine, observer } = onFakes();
  const gpu = { id: 'nvidia.com/gpu=0', driver: 'cdi' as const };
  const having = (devices: (typeof gpu)[]) => {
    engine.observe = async () => ({ ...bare(), devices });
    return listed(clock, observer);
  };
  await having([gpu]);
  await having([]);
  t.like(observer.node(), { devices: [], vanished: [gpu] });
  await having([]);
  t.like(observer.node(), { vanished: [gpu] });
  await having([gpu]);
  t.like(observer.node(), { devices: [gpu], vanished: [] });
});

test('a device that is listed under another id has not vanished', async t => {
  const { clock, engine, observer } = onFakes();
  const device = { index: '0', uuid: 'GPU-a' };
  const having = (id: string, driver: 'cdi' | 'nvidia') => {
    engine.observe = async () => ({ ...bare(), devices: [{ ...device, id, driver }] });
    return listed(clock, observer);
  };
  await having('nvidia.com/gpu=0', 'cdi');
  await having('GPU-a', 'nvidia');
  t.like(observer.node(), { devices: [{ id: 'GPU-a' }], vanished: [] });
});

test('the first look waits a second for the rest once one has answered, and its listing counts when it comes', async t => {
  const quick = onFakes();
  const { clock } = quick;
  const slow = new FakeEngine({ clock, latencyMs: 4_000, deadlineMs: 1e9 });
  const late = new Observer({ engine: slow, profile: LOCAL_PROFILE }, clock, () => {});
  const from = clock.now();
  let looked = 0;
  void firstLook([quick.observer, late], clock).then(() => (looked = clock.now() - from));
  await clock.advanceUntil(() => looked > 0, 10_000);
  t.is(looked, 1_010);
  t.like(late.node(), { answering: false, error: 'not asked yet' });
  const again = late.list();
  await clock.advance(3_000);
  await again;
  t.true(late.node().answering);
  t.is(slow.calls.filter(c => c.method === 'observe').length, 1, 'the one that was under way');
});

test('the first look ends at once where all have answered or failed, and by the deadline of a listing where none does', async t => {
  const { clock, engine, observer } = onFakes();
  const from = clock.now();
  await Promise.all([firstLook([observer], clock), clock.advance(10)]);
  t.is(clock.now() - from, 10);
  t.true(observer.node().answering);
  engine.failNext('observe', { kind: 'hang' });
  let looked = 0;
  void firstLook([observer], clock).then(() => (looked = clock.now()));
  await clock.advanceUntil(() => looked > 0, 60_000);
  t.is(looked, from + 5_010);
});

test('closing ends it, also in the midst of a listing that never comes back', async t => {
  const { clock, engine, observer, listings } = onFakes();
  engine.observe = (() => new Promise(() => {})) as Engine['observe'];
  const running = observer.run();
  await settle();
  observer.close();
  await running;
  t.is(listings(), 0);
  t.is(clock.waiting, 0);
});

test('a container that was listed once and is not any more is known to be gone, over later listings too', async t => {
  const { clock, engine, observer } = onFakes();
  const list = async (...ids: string[]) => {
    engine.observe = async () => ({ ...bare(), containers: ids.map(id => aContainer({ id })) });
    await listed(clock, observer);
    return [...(observer.node().removed ?? [])];
  };
  t.deepEqual(await list('c1', 'c2', 'c3'), []);
  t.deepEqual(await list('c2', 'c3'), ['c1']);
  t.deepEqual(await list('c3'), ['c1', 'c2']);
  t.deepEqual(await list('c3'), ['c1', 'c2']);
});
