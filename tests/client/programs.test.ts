import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { until } from '../until.ts';
import { publish, SERVICE, TestControlPlane } from './control-plane.ts';
import { startReplica } from './replicas.ts';
import { silentPort } from './silent-port.ts';

const CLIENT = JSON.stringify(path.resolve(import.meta.dirname, '../../client/index.ts'));

/** Runs a program of its own to its end, which it must find by itself. */
async function run(t: ExecutionContext, program: string, env: NodeJS.ProcessEnv = {}) {
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, ...env },
    cwd: path.resolve(import.meta.dirname, '../..'),
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', chunk => (output += chunk));
  t.teardown(() => child.kill('SIGKILL'));
  const code = await new Promise<number | null>((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error(`the program did not end:\n${output}`)), 60_000);
    // Not at its exit: what it wrote may come after that.
    child.on('close', code => {
      clearTimeout(deadline);
      resolve(code);
    });
  });
  return { code, output };
}

const makeClient = `
  import grpc from '@grpc/grpc-js';
  const { CHANNEL_OPTIONS, ...outrigger } = await import(${CLIENT});
  const same = bytes => bytes;
  const client = new grpc.Client(process.env.TARGET, grpc.credentials.createInsecure(), CHANNEL_OPTIONS);
  const call = () => new Promise((resolve, reject) => client.makeUnaryRequest('/test.Echo/Echo', same, same,
    Buffer.from('hello'), { deadline: Date.now() + 20_000 }, (e, answer) => e ? reject(e) : resolve(String(answer))));
  console.log(await call());
`;

test('a program that closed its client ends by itself', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await startReplica(t, 'a')]);
  const env = { TARGET: `outrigger://${control.address}/${SERVICE}` };
  t.deepEqual(await run(t, `${makeClient} client.close();`, env), { code: 0, output: 'hello\n' });
});

test('so does one that forgot to, as with any other grpc-js client', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await startReplica(t, 'a')]);
  const env = { TARGET: `outrigger://${control.address}/${SERVICE}` };
  t.deepEqual(await run(t, makeClient, env), { code: 0, output: 'hello\n' });
});

test('and one that closed its client while a connection to a vanished replica was being made', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ ...(await startReplica(t, 'a')), port: await silentPort(t) }]);
  const env = { TARGET: `outrigger://${control.address}/${SERVICE}` };
  const program = makeClient.replace('console.log(await call());', '');
  const giveUp = `
    const channel = client.getChannel();
    const isConnecting = () => {
      channel.getConnectivityState(true);
      return process.getActiveResourcesInfo().includes('ConnectWrap');
    };
    while (!isConnecting()) await new Promise(resolve => setTimeout(resolve, 5));
    client.close();
    console.log('closed');`;
  t.deepEqual(await run(t, program + giveUp, env), { code: 0, output: 'closed\n' });
});

test('and one whose control plane went away', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await startReplica(t, 'a')]);
  const env = { TARGET: `outrigger://${control.address}/${SERVICE}`, OUTRIGGER_ADDRESS: control.address };
  const program = `${makeClient}
    let watching;
    const lost = new Promise(resolve => {
      watching = outrigger.watch('${SERVICE}', r => r.current || resolve('lost'));
    });
    console.log('ask');
    console.log(await lost);
    watching.close();`;
  const ended = run(t, program, env);
  await until('it watches', () => control.hub.watcherCount() === 1);
  await control.kill();
  const { code, output } = await ended;
  t.is(code, 0, output);
});

test('a program that only watches goes on until it closes that, or everything', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await startReplica(t, 'a')]);
  const env = { OUTRIGGER_ADDRESS: control.address };
  const ends = ['watching.close()', 'outrigger.close()'];
  const program = (end: string) => `
    const outrigger = await import(${CLIENT});
    const told = await new Promise(resolve => {
      const watching = outrigger.watch('${SERVICE}', ({ endpoints }) => {
        queueMicrotask(() => ${end});
        resolve(endpoints.length);
      });
    });
    console.log(told);`;
  for (const end of ends) t.deepEqual(await run(t, program(end), env), { code: 0, output: '1\n' });
});

test('plain JavaScript finds a service by its environment: namespace, control plane and all', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await startReplica(t, 'a')]);
  const env = {
    TARGET: 'outrigger:///embedder',
    OUTRIGGER_ADDRESS: `http://${control.address}`,
    COMPOSE_PROJECT_NAME: 'shop',
  };
  t.deepEqual(await run(t, makeClient, env), { code: 0, output: 'hello\n' });
});

test('without a namespace it says how to give one', async t => {
  const env = { TARGET: 'outrigger:///embedder', OUTRIGGER_NAMESPACE: '', COMPOSE_PROJECT_NAME: '' };
  const { code, output } = await run(t, makeClient, env);
  t.is(code, 1);
  t.regex(output, /In which namespace is the service "embedder"\?.*OUTRIGGER_NAMESPACE/);
});

test('an HTTP proxy in the environment does not come between', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await startReplica(t, 'a')]);
  const env = { TARGET: `outrigger://${control.address}/${SERVICE}`, http_proxy: 'http://127.0.0.1:1', no_proxy: '' };
  t.deepEqual(await run(t, makeClient, env), { code: 0, output: 'hello\n' });
});
