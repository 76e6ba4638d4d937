import test from 'ava';
import { healthOf, stateOf } from '../../../control-plane/engine/docker/container-listing.ts';

test('the words of a listing', t => {
  t.is(healthOf('Up 3 seconds (health: starting)'), 'starting');
  t.is(healthOf('Up 2 hours (healthy)'), 'healthy');
  t.is(healthOf('Up 2 hours (unhealthy)'), 'unhealthy');
  t.is(healthOf('Up 2 hours'), undefined);
  t.is(healthOf('Up 2 hours (Paused)'), undefined);
  t.deepEqual(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'].map(stateOf), [
    'created',
    'running',
    'running',
    'running',
    'exited',
    'exited',
    'exited',
  ]);
});
