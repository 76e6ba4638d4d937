import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { serviceSpec } from '../../control-plane/core/spec.ts';
import { templateOf } from '../../control-plane/core/template.ts';
import { APPLICATION_ID, MIGRATIONS } from '../../control-plane/store/schema.ts';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';

/** The GPU service `shop/llm` with one replica, as the first released schema wrote it. */
const SPEC =
  '{"namespace":"shop","name":"llm","image":"llm:1","pullPolicy":"missing","environment":{"A":"1"},"groupAdd":[],"labels":{},"init":false,"tty":false,"readOnly":false,"stopGraceMs":10000,"ulimits":{},"sysctls":{},"capDrop":[],"capAdd":[],"privileged":false,"securityOpt":[],"devices":[],"dns":[],"dnsSearch":[],"extraHosts":[],"mounts":[],"files":[],"networks":[],"ports":[],"logging":{"maxSizeBytes":10485760,"maxFiles":3},"protocol":"http","port":8000,"scope":"shared","resources":{"cpus":2,"memoryBytes":1024,"limitCpus":0,"limitMemoryBytes":0,"pids":4096,"gpu":{"count":2,"deviceIds":[],"capabilities":["gpu"],"memoryBytes":8589934592,"models":["H100"],"exclusive":true}},"replicas":{"min":2,"max":2,"initial":2},"probes":{},"drain":{"timeoutMs":30000},"update":{"order":"start-first","maxSurge":1,"maxUnavailable":0,"onFailure":"rollback"},"restart":{"startAttempts":1,"maxAttempts":null},"dependsOn":[],"placement":{"constraints":["node.labels.zone == a"]}}';
const SERVICE = `{"key":"shop/llm","spec":${SPEC},"generation":3,"imageId":"sha256:1","latestGeneration":3,"replicas":2,"acceptedAt":5,"removal":null,"origin":"/srv/shop","rollout":{"kind":"settled"}}`;
const REPLICA =
  '{"id":"r0000001","service":"shop/llm","generation":3,"createdAt":5,"attempt":1,"failures":0,"wasReady":true,"replace":false,"phase":{"kind":"ready","since":9,"placement":{"node":"local","devices":["nvidia.com/gpu=0","nvidia.com/gpu=1"]},"container":{"id":"c1","seenAt":7},"impaired":false},"addresses":[{"kind":"network","network":"shop_default","host":"172.18.0.2","port":8000}],"timings":[{"phase":"ready","at":9}]}';

/** The same one while it waited for a place, by the second schema: with sentences for reasons. */
const WAITING =
  '{"id":"r0000002","service":"shop/llm","generation":3,"createdAt":6,"attempt":0,"failures":0,"wasReady":false,"replace":false,"returnedAt":null,"phase":{"kind":"pending","since":6,"reasons":["waits for service db to be ready","gpu-a: needs 2 GPUs: 0 of 2 are free, 2 held by shop/llm"]},"addresses":[],"timings":[{"phase":"pending","at":6}]}';

/** @param further documents of replicas beside the one that serves */
async function fileOfVersion1(t: ExecutionContext, further: readonly string[] = []): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-migration-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'state.db');
  const database = new DatabaseSync(file);
  database.exec(MIGRATIONS[0]!);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1`);
  database.prepare('INSERT INTO identity (instance) VALUES (?)').run('instance0001');
  database.prepare('INSERT INTO services (key, document) VALUES (?, ?)').run('shop/llm', SERVICE);
  const generation = `{"service":"shop/llm","generation":3,"spec":${SPEC}}`;
  const putGeneration = database.prepare('INSERT INTO generations (service, generation, document) VALUES (?, ?, ?)');
  putGeneration.run('shop/llm', 3, generation);
  database.prepare('INSERT INTO replicas (id, document) VALUES (?, ?)').run('r0000001', REPLICA);
  const putReplica = database.prepare('INSERT INTO replicas (id, document) VALUES (?, ?)');
  for (const [i, document] of further.entries()) putReplica.run(`r000000${i + 2}`, document);
  const putEvent = database.prepare(
    'INSERT INTO events (at, service, replica_id, type, message) VALUES (?, ?, ?, ?, ?)',
  );
  putEvent.run(9, 'shop/llm', 'r0000001', 'replica.ready', '');
  database.close();
  return file;
}

test('a file of the first schema opens and keeps everything', async t => {
  const store = await openSqliteStore(await fileOfVersion1(t));
  t.is(store.instance, 'instance0001');
  const { services, replicas, nodes, generations } = await store.load();
  t.deepEqual(replicas, [{ ...JSON.parse(REPLICA), returnedAt: null, hasServed: true, hasSeenDevices: false }]);
  t.deepEqual(nodes, []);
  t.is(services.length, 1);
  t.like(services[0], { key: 'shop/llm', generation: 3, replicas: 2, spec: JSON.parse(SPEC) });
  t.deepEqual(
    generations.map(g => [g.service, g.generation]),
    [['shop/llm', 3]],
  );
  const event = { at: 9, service: 'shop/llm' as const, replicaId: 'r0000001', type: 'replica.ready', message: '' };
  t.deepEqual(await store.events({ limit: 9 }), [{ sequence: 1, ...event }]);
  await store.commit([{ kind: 'event', event: { at: 10, node: 'local', type: 'node.draining', message: '' } }]);
  t.like((await store.events({ limit: 1 }))[0], { sequence: 2, node: 'local' });
  await store.close();
});

test('what was applied before is the same service to this version: the same file again starts nothing anew', async t => {
  const store = await openSqliteStore(await fileOfVersion1(t));
  const [service] = (await store.load()).services;
  t.is(templateOf(service!.spec), templateOf(serviceSpec.parse(JSON.parse(SPEC))));
  await store.close();
});

test('a file that was brought up to date is opened again as it is', async t => {
  const file = await fileOfVersion1(t);
  const first = await openSqliteStore(file);
  await first.commit([{ kind: 'put_node', node: { name: 'local', drainingSince: 7, quarantined: [] } }]);
  const before = await first.load();
  await first.close();
  const second = await openSqliteStore(file);
  t.deepEqual(await second.load(), before);
  await second.close();
});

test('a replica that waited by a schema with sentences for reasons waits on, and has none before the next look', async t => {
  const file = await fileOfVersion1(t, [WAITING]);
  const database = new DatabaseSync(file);
  database.exec(`${MIGRATIONS[1]}; PRAGMA user_version = 2`);
  database.close();
  const store = await openSqliteStore(file);
  const { replicas } = await store.load();
  const before = JSON.parse(WAITING);
  t.deepEqual(replicas, [
    { ...JSON.parse(REPLICA), returnedAt: null, hasServed: true, hasSeenDevices: false },
    { ...before, hasServed: false, hasSeenDevices: false, phase: { ...before.phase, reasons: [] } },
  ]);
  await store.close();
});

test('a replica that waited by a schema with words in its reasons waits on, and has none before the next look', async t => {
  const before = JSON.parse(WAITING);
  const lack = { kind: 'lack', constraint: 'gpu_held', nodes: ['gpu-a'], count: 1, message: '0 of 2 are free' };
  const waiting = { ...before, phase: { ...before.phase, reasons: [lack] } };
  const file = await fileOfVersion1(t, [JSON.stringify(waiting)]);
  const database = new DatabaseSync(file);
  database.exec(`${MIGRATIONS[1]}; PRAGMA user_version = 3`);
  database.close();
  const store = await openSqliteStore(file);
  t.deepEqual((await store.load()).replicas[1], {
    ...before,
    hasServed: false,
    hasSeenDevices: false,
    phase: { ...before.phase, reasons: [] },
  });
  await store.close();
});

test('of a replica from before it was noted, what it went through tells whether its container served', async t => {
  const found = (id: string, phases: readonly string[]) =>
    JSON.stringify({
      ...JSON.parse(REPLICA),
      id,
      phase: { ...JSON.parse(REPLICA).phase, kind: 'lost', impaired: undefined },
      timings: phases.map((phase, at) => ({ phase, at })),
    });
  const file = await fileOfVersion1(t, [
    found('r0000002', ['creating', 'starting', 'ready', 'lost']),
    found('r0000003', ['creating', 'starting', 'ready', 'stopping', 'creating', 'starting', 'lost']),
  ]);
  const store = await openSqliteStore(file);
  t.deepEqual(
    (await store.load()).replicas.map(r => r.hasServed),
    [true, true, false],
  );
  await store.close();
});

test('a record that is no JSON is told of by its name, also where the file has to be brought up to date', async t => {
  const store = await openSqliteStore(await fileOfVersion1(t, ['{']));
  await t.throwsAsync(store.load(), { message: /record r0000002 of replicas is not JSON/ });
  await store.close();
});
