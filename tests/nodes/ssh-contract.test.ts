import test from 'ava';
import { resolveConnection } from '../../control-plane/engine/docker/index.ts';
import { engineContract } from '../contract/engine.ts';
import { dockerWorld } from '../contract/engine-docker.ts';
import { SshServer } from './ssh-server.ts';

// All that an engine promises holds over ssh as well.
let server: SshServer;
test.before(async () => {
  server = await SshServer.start();
});
test.after.always(() => server?.dispose());

engineContract(test, async title => {
  const environment = { ...server.environment, DOCKER_HOST: `ssh://${server.destination}` };
  return dockerWorld(title, { connection: await resolveConnection({ environment }) });
});
