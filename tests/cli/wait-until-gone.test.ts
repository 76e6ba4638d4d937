import test from 'ava';
import { waitUntilGone } from '../../cli/wait-until-gone.ts';
import type { NodeView, ServiceView } from '../../control-plane/views/views.ts';
import { replicaView, serviceView } from './views.ts';

/** A control plane that shows these services, and whose node b is as it says each time it is asked. */
function waiting(services: readonly ServiceView[], isSilent: () => boolean) {
  const client = {
    async *watchServices(_: string | undefined, signal: AbortSignal) {
      yield services;
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    },
    async nodes() {
      return [{ name: 'a' }, { name: 'b', ...(isSilent() ? { silentSinceMs: 1 } : {}) }] as unknown as NodeView[];
    },
  };
  const wait = (timeoutMs?: number) =>
    waitUntilGone({
      client,
      namespace: 'default',
      names: ['echo'],
      signal: new AbortController().signal,
      exitsWhenIdle: false,
      onUpdate: () => {},
      silence: { forMs: 20, everyMs: 1 },
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  return { wait };
}

const leaving = (...nodes: string[]) =>
  serviceView({
    name: 'echo',
    namespace: 'default',
    deleting: true,
    replicas: nodes.map((node, i) =>
      replicaView({ id: `r${i}`, phase: 'stopping', node, message: `waits for ${node}` }),
    ),
  });

test('what only a silent node keeps is waited for no longer than a bound, and told with its reasons', async t => {
  t.deepEqual(await waiting([leaving('b')], () => true).wait(), {
    kind: 'silent',
    left: ['echo'],
    reasons: ['echo r0  stopping: waits for b'],
  });
  const bare = serviceView({
    name: 'echo',
    namespace: 'default',
    deleting: true,
    replicas: [],
    message: 'networks on b',
  });
  t.like(await waiting([bare], () => true).wait(), { kind: 'silent', reasons: ['echo: networks on b'] });
});

test('what ends on a node that answers, or on one that is back at times, is waited for', async t => {
  t.like(await waiting([leaving('a', 'b')], () => true).wait(100), { kind: 'timed_out', left: ['echo'] });
  let looks = 0;
  const flapping = waiting([leaving('b')], () => looks++ % 2 === 0);
  t.like(await flapping.wait(100), { kind: 'timed_out' });
});
