import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { Publication } from '../../control-plane/controller/publication.ts';
import type { Endpoint } from '../../control-plane/core/endpoint.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { reconcile } from '../../control-plane/core/reconcile.ts';
import { aReplica, phaseOf, seen } from '../core/replicas.ts';

test('what cannot be stored leaves those published alone that are stored as ready, with the container that they have', t => {
  const phases = [phaseOf('ready', 1), phaseOf('starting', 1), phaseOf('ready', 1, { impaired: true })];
  const replicas = phases.map((phase, i) => aReplica(phase, { id: `r${i}` }));
  const stored = DesiredState.from({ services: [], replicas, nodes: [], generations: [] });
  const endpoint = (replicaId: string, containerId: string): Endpoint => ({
    service: 'ns/svc',
    replicaId,
    containerId,
    generation: 1,
    node: 'local',
    protocol: 'grpc',
    addresses: [],
  });
  const kept = (...endpoints: Endpoint[]) => {
    const published: (readonly Endpoint[])[] = [];
    const registry = { publish: (set: readonly Endpoint[]) => published.push(set) };
    const hub = { publish: (_: unknown, set: readonly Endpoint[]) => published.push(set) };
    const empty = reconcile(
      DesiredState.from({ services: [], replicas: [], nodes: [], generations: [] }),
      seen(),
      1,
      () => '',
      DEFAULT_NODE_POLICY,
    );
    new Publication({ registry, hub } as never).withdraw({ ...empty, endpoints }, stored);
    t.deepEqual(published[0], published[1], 'clients and the registry are told the same');
    return published[0]!.map(e => e.containerId);
  };
  t.deepEqual(kept(endpoint('r0', 'c1')), ['c1']);
  t.deepEqual(kept(endpoint('r0', 'c2')), [], 'it is the next container, and was never stored');
  t.deepEqual(kept(endpoint('r1', 'c1')), []);
  t.deepEqual(kept(endpoint('r2', 'c1')), [], 'clients were told to leave it');
  t.deepEqual(kept(endpoint('gone', 'c1')), []);
});
