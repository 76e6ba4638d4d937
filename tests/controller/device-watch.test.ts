import test from 'ava';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { DeviceReport } from '../../control-plane/core/observed.ts';
import { DeviceWatch } from '../../control-plane/nodes/device-watch.ts';
import type { Engine } from '../../control-plane/ports.ts';
import { requestOf } from '../contract/engine.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { FakeEngine } from '../fakes/engine.ts';

const forEver = new AbortController().signal;
const GPU = 'nvidia.com/gpu=0';
const SEES = { kind: 'sees', message: '' } as const;
const LOST = { kind: 'lost', message: 'Failed to initialize NVML: Unknown Error' } as const;
const UNKNOWN = { kind: 'unknown', message: 'nvidia-smi is not there' } as const;

async function world(options: { nodes?: string[]; latencyMs?: number } = {}) {
  const clock = new VirtualClock();
  const engines = new Map<string, FakeEngine>();
  for (const node of options.nodes ?? ['local']) {
    const latencyMs = options.latencyMs ?? 0;
    engines.set(node, new FakeEngine({ clock, node, latencyMs, devices: [{ id: GPU, driver: 'cdi' }] }));
  }
  let changes = 0;
  const watch = new DeviceWatch({ clock, engines: engines as ReadonlyMap<string, Engine>, onChange: () => changes++ });
  const run = async (node = 'local', replicaId = 'aaaa0001') => {
    const engine = engines.get(node) as FakeEngine;
    engine.machine.images.set('model:1', 'sha256:1');
    const request = requestOf({ engine, namespace: 'ns', image: 'model:1' }, {}, { replicaId });
    const creating = engine.create({ ...request, placement: { node, devices: [GPU] } }, forEver);
    await clock.advance(options.latencyMs ?? 0);
    const { containerId } = await creating;
    const starting = engine.start(containerId, forEver);
    await clock.advance(options.latencyMs ?? 0);
    await starting;
    return { containerId, node, devices: [{ id: GPU }], engine, set: (s: Omit<DeviceReport, 'at'>) => setSight(s) };
    function setSight(sight: Omit<DeviceReport, 'at'>) {
      engine.machine.setSight(containerId, sight);
    }
  };
  const asked = (node = 'local') => engines.get(node)?.calls.filter(c => c.method === 'checkDevices') ?? [];
  return { clock, engines, watch, run, asked, changes: () => changes };
}

test('a container is asked at once, and then every 15 s', async t => {
  const w = await world();
  const target = await w.run();
  const from = w.clock.now();
  w.watch.target([target]);
  await w.clock.advance(31_000);
  t.deepEqual(
    w.asked().map(c => c.at - from),
    [0, 15_000, 30_000],
  );
  t.like(w.watch.reports().get(target.containerId), { kind: 'sees', at: from + 30_000 });
  t.is(w.changes(), 1);
  await w.watch.close();
  t.is(w.clock.waiting, 0);
});

test('a loss is reported after two answers in a row, a second apart', async t => {
  const w = await world();
  const target = await w.run();
  w.watch.target([target]);
  await w.clock.advance(1_000);
  target.set(LOST);
  await w.clock.advance(14_500);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'sees');
  await w.clock.advance(1_000);
  t.like(w.watch.reports().get(target.containerId), LOST);
  await w.watch.close();
});

test('a loss that is not confirmed is none', async t => {
  const w = await world();
  const target = await w.run();
  w.watch.target([target]);
  await w.clock.advance(1_000);
  target.set(LOST);
  await w.clock.advance(14_500);
  target.set(SEES);
  await w.clock.advance(60_000);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'sees');
  t.is(w.changes(), 1);
  await w.watch.close();
});

test('between two losses an answer that says nothing breaks the row', async t => {
  const w = await world();
  const target = await w.run();
  target.set(LOST);
  w.watch.target([target]);
  await w.clock.advance(500);
  target.set(UNKNOWN);
  await w.clock.advance(500);
  t.like(w.watch.reports().get(target.containerId), UNKNOWN);
  target.set(LOST);
  await w.clock.advance(15_000);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'unknown');
  await w.clock.advance(1_000);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'lost');
  await w.watch.close();
});

test('a loss is unproven where the check of the service has never passed in the container, nor before it was watched', async t => {
  const w = await world();
  const check = ['see'];
  const target = await w.run();
  const served = await w.run('local', 'aaaa0002');
  for (const c of [target, served]) c.set(LOST);
  w.watch.target([
    { ...target, check, isProven: false },
    { ...served, check, isProven: true },
  ]);
  await w.clock.advance(1_000);
  const report = (c: { containerId: string }) => w.watch.reports().get(c.containerId);
  t.like(report(target), { ...LOST, unproven: true });
  t.like(report(served), { ...LOST, unproven: undefined });
  // What is told later is older than what was seen here.
  w.watch.target([{ ...target, check, isProven: true }]);
  await w.clock.advance(15_000);
  t.like(report(target), { unproven: true });
  target.set(SEES);
  await w.clock.advance(15_000);
  t.like(report(target), { kind: 'sees', unproven: undefined });
  target.set(LOST);
  await w.clock.advance(16_000);
  t.like(report(target), { ...LOST, unproven: undefined });
  await w.watch.close();
});

test('a reported loss stands until the container sees its devices again', async t => {
  const w = await world();
  const target = await w.run();
  target.set(LOST);
  w.watch.target([target]);
  await w.clock.advance(1_000);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'lost');
  target.set(UNKNOWN);
  await w.clock.advance(30_000);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'lost');
  target.set(SEES);
  await w.clock.advance(15_000);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'sees');
  await w.watch.close();
});

test('an engine that is away, hangs or fails changes no report, and is asked again', async t => {
  const w = await world();
  const target = await w.run();
  w.watch.target([target]);
  await w.clock.advance(1_000);
  target.engine.machine.setDaemon('hung');
  await w.clock.advance(60_000);
  target.engine.machine.setDaemon('down');
  await w.clock.advance(60_000);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'sees');
  target.engine.failNext('checkDevices', { kind: 'error', error: new OutriggerError('internal', 'no') });
  target.engine.machine.setDaemon('running');
  target.set(LOST);
  await w.clock.advanceUntil(() => w.watch.reports().get(target.containerId)?.kind === 'lost', 60_000);
  await w.watch.close();
  t.is(w.clock.waiting, 0);
});

test('a container that is named no more is forgotten, also in the middle of a question', async t => {
  const w = await world();
  const target = await w.run();
  w.watch.target([target]);
  await w.clock.advance(0);
  target.engine.failNext('checkDevices', { kind: 'hang' });
  await w.clock.advance(15_000);
  w.watch.target([]);
  await w.clock.advance(0);
  t.is(w.watch.reports().size, 0);
  t.is(w.clock.waiting, 0);
});

test('targets that are named again keep their pace and their report', async t => {
  const w = await world();
  const target = await w.run();
  for (let i = 0; i < 29; i += 1) {
    w.watch.target([{ ...target, check: ['see'] }]);
    await w.clock.advance(1_000);
  }
  t.is(w.asked().length, 2);
  t.is(w.watch.reports().get(target.containerId)?.kind, 'sees');
  await w.watch.close();
});

test('at most four containers of a node are asked at once, and a node that hangs holds up no other', async t => {
  const w = await world({ nodes: ['a', 'b'], latencyMs: 1_000 });
  const targets: Awaited<ReturnType<typeof w.run>>[] = [];
  for (let i = 0; i < 10; i += 1) targets.push(await w.run('a', `aaaa000${i}`));
  const other = await w.run('b');
  w.engines.get('a')?.machine.setDaemon('hung');
  w.watch.target([...targets, other]);
  await w.clock.advance(1_000);
  t.is(w.asked('a').length, 4);
  t.is(w.watch.reports().get(other.containerId)?.kind, 'sees');
  w.engines.get('a')?.machine.setDaemon('running');
  await w.clock.advanceUntil(() => targets.every(c => w.watch.reports().has(c.containerId)), 120_000);
  await w.watch.close();
  t.is(w.clock.waiting, 0);
});

test('a target of a node that is not known is passed over', async t => {
  const w = await world();
  w.watch.target([{ containerId: 'c', node: 'gone', devices: [{ id: GPU }] }]);
  await w.clock.advance(30_000);
  t.is(w.watch.reports().size, 0);
  await w.watch.close();
});
