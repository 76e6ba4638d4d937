import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';

test('nothing of a closed API keeps the process alive', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-exit-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const program = `
    import { startApi } from '${new URL('../../control-plane/api/index.ts', import.meta.url)}';
    import { FakeControlPlane } from '${new URL('../fakes/control-plane.ts', import.meta.url)}';
    import { send } from '${new URL('./served.ts', import.meta.url)}';
    import { Agent } from '${import.meta.resolve('undici')}';
    const path = ${JSON.stringify(path.join(folder, 'control.sock'))};
    const api = await startApi({ controlPlane: new FakeControlPlane(), listen: [{ kind: 'unix', path }] });
    const http = new Agent({ connect: { socketPath: path } });
    console.log((await send(http, 'http://localhost', 'GET', '/metrics')).status);
    await http.close();
    await api.close(AbortSignal.timeout(10_000));
    console.log('closed');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text;
    });
  }
  const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(60_000) });
  t.is(code, 0, output);
  t.is(output, '200\nclosed\n');
});
