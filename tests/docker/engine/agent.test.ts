import { inspect } from 'node:util';
import test from 'ava';
import { makeAgents } from '../../../control-plane/engine/docker/agent.ts';
import type { DockerConnection } from '../../../control-plane/engine/docker/connection.ts';

test('an agent looks short to docker-modem, which describes it for every request', t => {
  const tls = { ca: Buffer.from('a'), skipVerify: false };
  const connections: DockerConnection[] = [
    { kind: 'unix', socketPath: '/run/docker.sock' },
    { kind: 'tcp', host: 'engine.example', port: 2376, tls },
    { kind: 'ssh', host: 'engine.example', environment: { PATH: '/bin', HOME: '/home/ann', LONG: 'x'.repeat(200) } },
  ];
  for (const connection of connections) {
    for (const agent of Object.values(makeAgents(connection))) {
      t.regex(inspect({ agent }, { showHidden: true, depth: null }), /^\{ agent: Agent of [^\n]{1,80} \}$/);
      agent.destroy();
    }
  }
});
