import type { TestFn } from 'ava';
import type { Endpoint } from '../../control-plane/core/endpoint.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import type { Registry } from '../../control-plane/ports.ts';
import { endpoint } from '../fakes/endpoint.ts';
import { until } from '../until.ts';

/** A registry under test. Each `open` begins empty, unless it is given the instance of an earlier one. */
export type OpenRegistry = (options?: { instance?: string }) => Promise<Registry>;

/** What every Registry promises (ports.ts). */
export function registryContract(test: TestFn, name: string, open: OpenRegistry): void {
  const signal = () => AbortSignal.timeout(60_000);
  const published = (registry: Registry, ids: string[]) =>
    until(`published is ${ids}`, () => equal([...registry.published()], ids));
  const readable = (registry: Registry, service: ServiceKey, ids: string[]) =>
    until(`${service} reads as ${ids}`, async () =>
      equal(
        (await registry.read(service, signal())).map(e => e.replicaId),
        ids,
      ),
    );
  const at = (host: string): Pick<Endpoint, 'addresses'> => ({
    addresses: [{ kind: 'network', network: 'n', host, port: 7_000 }],
  });

  test(`${name}: what is published can be read back, with address, tags and metadata`, async t => {
    const registry = await open();
    registry.publish([endpoint({ replicaId: 'r1', generation: 3, protocol: 'http', node: 'n1', ...at('10.0.0.1') })]);
    await published(registry, ['r1']);
    await readable(registry, 'feature-store/embedder', ['r1']);
    const [found] = await registry.read('feature-store/embedder', signal());
    t.like(found, {
      replicaId: 'r1',
      host: '10.0.0.1',
      port: 7_000,
      metadata: {
        namespace: 'feature-store',
        service: 'embedder',
        job: 'feature-store',
        protocol: 'http',
        generation: '3',
        replica: 'r1',
        node: 'n1',
        container: 'container-of-r1',
        addresses: 'n=10.0.0.1:7000',
      },
    });
    t.deepEqual([...(found?.tags ?? [])].sort(), ['generation-3', 'http', 'outrigger']);
    t.true(registry.status().healthy);
    await registry.close({ withdraw: true }, signal());
  });

  test(`${name}: each publish replaces the whole set`, async t => {
    const registry = await open();
    registry.publish([
      endpoint({ replicaId: 'a' }),
      endpoint({ replicaId: 'b' }),
      endpoint({ replicaId: 'c', service: 'other/llm' }),
    ]);
    await published(registry, ['a', 'b', 'c']);
    registry.publish([endpoint({ replicaId: 'b' }), endpoint({ replicaId: 'd' })]);
    await published(registry, ['b', 'd']);
    await readable(registry, 'feature-store/embedder', ['b', 'd']);
    await readable(registry, 'other/llm', []);
    registry.publish([]);
    await published(registry, []);
    await readable(registry, 'feature-store/embedder', []);
    await registry.close({ withdraw: true }, signal());
    t.pass();
  });

  test(`${name}: only the newest of many publishes counts`, async t => {
    const registry = await open();
    for (let i = 0; i < 50; i++) registry.publish([endpoint({ replicaId: `r${i}` }), endpoint({ replicaId: 'stays' })]);
    await published(registry, ['r49', 'stays']);
    await readable(registry, 'feature-store/embedder', ['r49', 'stays']);
    await registry.close({ withdraw: true }, signal());
    t.pass();
  });

  test(`${name}: a replica whose address changed is read at the new one`, async t => {
    const registry = await open();
    registry.publish([endpoint({ replicaId: 'r', ...at('10.0.0.1') })]);
    await readable(registry, 'feature-store/embedder', ['r']);
    registry.publish([endpoint({ replicaId: 'r', containerId: 'next', ...at('10.0.0.2') })]);
    await until('the new address', async () => {
      const [found] = await registry.read('feature-store/embedder', signal());
      return found?.host === '10.0.0.2' && found.metadata['container'] === 'next';
    });
    t.deepEqual([...registry.published()], ['r']);
    await registry.close({ withdraw: true }, signal());
  });

  test(`${name}: what is published is announced, and what left is known to have been let go`, async t => {
    const registry = await open();
    registry.publish([endpoint({ replicaId: 'a' }), endpoint({ replicaId: 'b' })]);
    await until('announced', () => ['a', 'b'].every(id => registry.standing(id).announced));
    t.deepEqual(registry.standing('a'), { announced: true, withdrawable: true, letGoAt: null });
    registry.publish([endpoint({ replicaId: 'b' })]);
    await until('let go', () => registry.standing('a').letGoAt !== null);
    t.like(registry.standing('a'), { announced: false, withdrawable: true });
    t.deepEqual(registry.standing('b'), { announced: true, withdrawable: true, letGoAt: null });
    t.is(registry.standing('nobody').letGoAt, Number.NEGATIVE_INFINITY);
    await registry.close({ withdraw: true }, signal());
  });

  test(`${name}: an endpoint without an address to hand out is not waited for`, async t => {
    const registry = await open();
    registry.publish([endpoint({ replicaId: 'a', addresses: [] })]);
    await until('announced', () => registry.standing('a').announced);
    t.is(registry.published().size, 0);
    await registry.close({ withdraw: true }, signal());
  });

  test(`${name}: services of equal name in two namespaces stay apart`, async t => {
    const registry = await open();
    registry.publish([
      endpoint({ replicaId: 'one', service: 'a/model' }),
      endpoint({ replicaId: 'two', service: 'b/model' }),
    ]);
    await readable(registry, 'a/model', ['one']);
    await readable(registry, 'b/model', ['two']);
    await registry.close({ withdraw: true }, signal());
    t.pass();
  });

  test(`${name}: listeners hear of every change of what is published`, async t => {
    const registry = await open();
    const seen: string[] = [];
    const stop = registry.onChange(() => seen.push([...registry.published()].sort().join()));
    registry.publish([endpoint({ replicaId: 'a' })]);
    await until('heard of a', () => seen.at(-1) === 'a');
    registry.publish([]);
    await until('heard of its leaving', () => seen.at(-1) === '');
    stop();
    const heard = seen.length;
    registry.publish([endpoint({ replicaId: 'b' })]);
    await published(registry, ['b']);
    t.is(seen.length, heard);
    await registry.close({ withdraw: true }, signal());
  });

  test(`${name}: closing with withdraw leaves nothing, and closing again is harmless`, async t => {
    const registry = await open();
    registry.publish([endpoint({ replicaId: 'a' }), endpoint({ replicaId: 'b' })]);
    await published(registry, ['a', 'b']);
    await registry.close({ withdraw: true }, signal());
    t.is(registry.published().size, 0);
    await registry.close({ withdraw: true }, signal());
    registry.publish([endpoint({ replicaId: 'late' })]);
    t.is(registry.published().size, 0);
  });

  test(`${name}: reading with a signal that has fired rejects`, async t => {
    const registry = await open();
    await t.throwsAsync(registry.read('a/b', AbortSignal.abort(new Error('no longer wanted'))), {
      message: 'no longer wanted',
    });
    await registry.close({ withdraw: false }, signal());
  });
}

function equal(found: readonly string[], wanted: readonly string[]): boolean {
  return [...found].sort().join() === [...wanted].sort().join();
}
