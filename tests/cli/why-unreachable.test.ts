import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { newToken, parseTokens, startApi } from '../../control-plane/api/index.ts';
import { makeCertificates } from '../api/certificates.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { runCli, testFolder } from './run-cli.ts';

/** A control plane that speaks TLS on one port and plain HTTP on another, and asks for a token on both. */
async function start(t: ExecutionContext) {
  const { server, authority } = await makeCertificates();
  const token = newToken('ann');
  const loopback = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const api = await startApi({
    controlPlane: new FakeControlPlane(),
    listen: [{ ...loopback, tls: server }, loopback],
    tokens: parseTokens(token.line, 'tokens'),
  });
  t.teardown(() => api.close(AbortSignal.abort()));
  const cwd = await testFolder(t);
  await writeFile(path.join(cwd, 'ca.pem'), authority);
  const [secure, plain] = api.addresses;
  const ask = async (host: string, environment: Record<string, string> = {}) => {
    const { code, stderr } = await runCli({ args: ['nodes', '--host', host], cwd, environment });
    return { code, stderr };
  };
  return { ask, secure, plain, token: token.token };
}

test('who cannot speak to a control plane because of TLS is told what helps', async t => {
  const { ask, secure, plain } = await start(t);
  const unknown = await ask(`https://${secure}`);
  t.is(unknown.code, 3);
  t.regex(unknown.stderr, /no authority known here has signed \(\w+\)\.\nnext: +Give the authority .*--tls-ca FILE/);
  const overPlain = await ask(`http://${secure}`);
  t.true(overPlain.stderr.includes(`One that speaks TLS is at https://${secure}.`), overPlain.stderr);
  const overSecure = await ask(`https://${plain}`);
  t.true(overSecure.stderr.includes(`a control plane without TLS, it is at http://${plain}.`), overSecure.stderr);
});

test('a wrong token is told apart from none, and how either is given', async t => {
  const { ask, plain, token, secure } = await start(t);
  const none = await ask(`http://${plain}`);
  t.regex(none.stderr, /^error: .*no token was sent\nnext: .*OUTRIGGER_TOKEN_FILE or OUTRIGGER_TOKEN .*--token-file/);
  for (const wrong of ['short', newToken('bob').token])
    t.regex(
      (await ask(`http://${plain}`, { OUTRIGGER_TOKEN: wrong })).stderr,
      /^error: the token that was sent is not known/,
    );
  const trusted = { OUTRIGGER_TOKEN: token, OUTRIGGER_TLS_CA: 'ca.pem' };
  t.is((await ask(`https://${secure}`, trusted)).code, 0);
});
