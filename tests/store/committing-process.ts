import fc from 'fast-check';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';
import { anyReplica } from '../fakes/records.ts';

/**
 * Commits without end, ten replicas and an event at a time, and prints the number of each commit once it is
 * acknowledged. Killed from outside; what it printed must be in the file.
 */
const [path, from] = process.argv.slice(2) as [string, string];
const store = await openSqliteStore(path);
const [template] = fc.sample(anyReplica, { numRuns: 1, seed: 3 });
for (let n = Number(from); ; n++) {
  const replicas = Array.from({ length: 10 }, (_, i) => ({ ...template!, id: `r${i}`, generation: n }));
  await store.commit([
    ...replicas.map(replica => ({ kind: 'put_replica' as const, replica })),
    { kind: 'event', event: { at: n, service: 'a/b', type: 'service.applied', message: `commit ${n}` } },
  ]);
  // To a file descriptor, without a buffer in between that would die with the process.
  process.stdout.write(`${n}\n`);
}
