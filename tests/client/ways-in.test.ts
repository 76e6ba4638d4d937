import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { resolve } from '../../client/index.ts';
import { newToken, parseTokens } from '../../control-plane/api/index.ts';
import { makeCertificates } from '../api/certificates.ts';
import { serve } from '../api/served.ts';
import { SERVICE } from './control-plane.ts';

/** The real API at an address of the given kind, with one ready replica behind. */
async function served(t: ExecutionContext, options: Parameters<typeof serve>[1]) {
  const { api, controlPlane, socket } = await serve(t, options);
  controlPlane.hub.publish(new Set([SERVICE]), [
    {
      service: SERVICE,
      replicaId: 'a',
      containerId: 'c',
      generation: 1,
      node: 'local',
      protocol: 'grpc',
      addresses: [{ kind: 'network', network: 'n', host: '192.0.2.1', port: 1 }],
    },
  ]);
  return { address: api.addresses[0]!, socket };
}

/** Resolves with this environment; the variables that matter are otherwise unset. */
async function resolvedWith(environment: NodeJS.ProcessEnv, timeoutMs = 20_000): Promise<string> {
  for (const name of Object.keys(process.env)) if (name.startsWith('OUTRIGGER_')) delete process.env[name];
  Object.assign(process.env, environment);
  return resolve(SERVICE, { timeoutMs }).then(
    ({ endpoints }) => endpoints.map(e => `${e.replicaId} at ${e.host}:${e.port}`).join(),
    (error: Error) => error.message,
  );
}

async function folder(t: ExecutionContext): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'outrigger-client-'));
  t.teardown(() => rm(made, { recursive: true }));
  return made;
}

const tcp = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

test.serial('by the socket in the state folder, with nothing set up', async t => {
  const { socket } = await served(t, {});
  t.is(await resolvedWith({ OUTRIGGER_STATE: path.dirname(socket) }), 'a at 192.0.2.1:1');
});

test.serial('no socket there: how to start a control plane', async t => {
  const state = await folder(t);
  const message = await resolvedWith({ OUTRIGGER_STATE: state }, 5_000);
  t.regex(message, /No control plane at unix:\/\/.*control\.sock: nothing is there\. Start one with `outrigger serve`/);
});

test.serial('by a token, from the environment or a file', async t => {
  const { token, line } = newToken('job');
  const { address } = await served(t, { listen: [tcp], tokens: parseTokens(line, 'tokens') });
  const file = path.join(await folder(t), 'token');
  await writeFile(file, `${token}\n`);
  t.is(await resolvedWith({ OUTRIGGER_ADDRESS: address, OUTRIGGER_TOKEN: token }), 'a at 192.0.2.1:1');
  t.is(await resolvedWith({ OUTRIGGER_ADDRESS: address, OUTRIGGER_TOKEN_FILE: file }), 'a at 192.0.2.1:1');
});

test.serial('a wrong token is told', async t => {
  const { line } = newToken('job');
  const { address } = await served(t, { listen: [tcp], tokens: parseTokens(line, 'tokens') });
  t.regex(
    await resolvedWith({ OUTRIGGER_ADDRESS: address, OUTRIGGER_TOKEN: 'wrong' }, 5_000),
    /^The control plane at http:\/\/127\.0\.0\.1:\d+ ended the watch: .*token/,
  );
});

test.serial('a credential that cannot be read is told, by its variable', async t => {
  const { address } = await served(t, { listen: [tcp] });
  const message = await resolvedWith({ OUTRIGGER_ADDRESS: address, OUTRIGGER_TLS_CA: '/nowhere/ca.pem' }, 5_000);
  t.regex(message, /^OUTRIGGER_TLS_CA names \/nowhere\/ca\.pem, which cannot be read \(ENOENT\)\. Check the path/);
});

test.serial('by TLS with certificates on both sides', async t => {
  const { authority, server, client } = await makeCertificates();
  const tls = { ...server, clientAuthority: authority };
  const { address } = await served(t, { listen: [{ ...tcp, tls }] });
  const at = await folder(t);
  const file = async (name: string, text: string) => {
    await writeFile(path.join(at, name), text);
    return path.join(at, name);
  };
  const environment = {
    OUTRIGGER_ADDRESS: `https://${address.replace(/^\w+:\/\//, '')}`,
    OUTRIGGER_TLS_CA: await file('ca.pem', authority),
    OUTRIGGER_TLS_CERT: await file('client.pem', client.certificate),
    OUTRIGGER_TLS_KEY: await file('client.key', client.key),
  };
  t.is(await resolvedWith(environment), 'a at 192.0.2.1:1');
});
