import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { admitOrThrow } from '../../control-plane/admission/admit-or-throw.ts';
import { admissionPolicy } from '../../control-plane/admission/policy.ts';
import { protectedFiles } from '../../control-plane/admission/protected-files.ts';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import { serviceSpec } from '../../control-plane/core/spec.ts';
import { makeCertificates } from '../api/certificates.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';

/** Every way to name a file to a control plane: flags, with their file, and variables. */
const FLAGS = {
  '--admission': 'policy.yaml',
  '--tokens': 'tokens',
  '--consul-token-file': 'consul-token',
  '--nodes': 'my-nodes.yaml',
  '--tls-cert': 'api.pem',
  '--tls-key': 'api.key',
  '--tls-ca': 'clients.pem',
};
const VARIABLES = {
  OUTRIGGER_ADMISSION: 'other-policy.yaml',
  OUTRIGGER_NODES: 'other-nodes.yaml',
  CONSUL_HTTP_TOKEN_FILE: 'other-consul-token',
  CONSUL_CACERT: 'consul-ca.pem',
  CONSUL_CLIENT_CERT: 'consul.pem',
  CONSUL_CLIENT_KEY: 'consul.key',
  OUTRIGGER_TOKEN_FILE: 'own-token',
  OUTRIGGER_TLS_CA: 'own-ca.pem',
  OUTRIGGER_TLS_CERT: 'own.pem',
  OUTRIGGER_TLS_KEY: 'own.key',
};
/** Where its user's credentials are, if not in the home: what the variable names, and what of that no container may have. */
const CREDENTIALS: Record<string, readonly [named: string, place: string]> = {
  DOCKER_CONFIG: ['docker', 'docker/config.json'],
  SSH_AUTH_SOCK: ['agent.sock', 'agent.sock'],
  GNUPGHOME: ['gnupg', 'gnupg/private-keys-v1.d'],
  AWS_SHARED_CREDENTIALS_FILE: ['aws', 'aws'],
  AWS_CONFIG_FILE: ['aws-config', 'aws-config'],
  AWS_WEB_IDENTITY_TOKEN_FILE: ['aws-token', 'aws-token'],
  AZURE_CONFIG_DIR: ['azure', 'azure/token'],
  KUBECONFIG: ['kube', 'kube'],
  CLOUDSDK_CONFIG: ['gcloud', 'gcloud/credentials.db'],
  GOOGLE_APPLICATION_CREDENTIALS: ['google.json', 'google.json'],
  GH_CONFIG_DIR: ['gh', 'gh/hosts.yml'],
  XDG_CONFIG_HOME: ['config', 'config/gcloud'],
  XDG_DATA_HOME: ['data', 'data/keyrings/login.keyring'],
  PASSWORD_STORE_DIR: ['passwords', 'passwords/web.gpg'],
  NETRC: ['netrc', 'netrc'],
  NPM_CONFIG_USERCONFIG: ['npmrc', 'npmrc'],
};

function spec(sources: readonly string[]) {
  return {
    namespace: 'thief',
    name: 'web',
    image: 'busybox:none',
    protocol: 'tcp',
    port: 80,
    mounts: sources.map((source, i) => ({ kind: 'bind' as const, source, target: `/stolen/${i}` })),
  } as const;
}

test('no container may have a file that the control plane was given, by flag or environment, whatever the policy allows', async t => {
  t.timeout(60_000);
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-protected-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { authority, server } = await makeCertificates();
  const content: Record<string, string> = {
    '--admission': `allow: {bindRoots: [/]}`,
    '--tokens': `sha256:${'0'.repeat(64)} ann`,
    '--nodes': 'nodes: {away: {engine: "tcp://127.0.0.1:9"}}',
    '--tls-cert': server.certificate,
    '--tls-key': server.key,
    '--tls-ca': authority,
  };
  const files = Object.entries({ ...FLAGS, ...VARIABLES });
  for (const [from, name] of files) await writeFile(path.join(folder, name), content[from] ?? 'x');
  const innocent = path.join(folder, 'models');
  await mkdir(innocent);
  const controlPlane = await RunningControlPlane.start({
    arguments: [
      ...Object.entries(FLAGS).flatMap(([flag, name]) => [flag, path.join(folder, name)]),
      ...['--listen', '127.0.0.1:0'],
    ],
    environment: {
      ...Object.fromEntries(
        // Named as seen from where it runs, too.
        Object.entries(VARIABLES).map(([name, file]) => [name, path.relative(process.cwd(), path.join(folder, file))]),
      ),
      SSH_AUTH_SOCK: path.join(folder, 'agent.sock'),
    },
  });
  t.teardown(() => controlPlane.dispose());
  for (const [from, name] of files) {
    const refused = await t.throwsAsync(controlPlane.apply(spec([path.join(folder, name)])), undefined, from);
    t.regex(refused.message, /is or contains what controls the engine or the control plane/, from);
  }
  const agent = await t.throwsAsync(controlPlane.apply(spec([path.join(folder, 'agent.sock')])));
  t.regex(agent.message, /is or contains credentials/);
  const whole = await t.throwsAsync(controlPlane.apply(spec([folder])));
  t.regex(whole.message, /is or contains what controls/);
  await controlPlane.apply(spec([innocent]));
  t.is((await controlPlane.services('thief')).length, 1, 'what lies beside them is allowed');
});

test('no container may have credentials that the environment puts outside the home', async t => {
  const environment = Object.fromEntries(
    Object.entries(CREDENTIALS).map(([variable, [named]]) => [variable, `/srv/${named}`]),
  );
  const policy = admissionPolicy.parse({ allow: { bindRoots: ['/srv'] } });
  const admit = (source: string, surroundings: { environment?: NodeJS.ProcessEnv }) =>
    admitOrThrow(serviceSpec.parse(spec([source])), policy, surroundings);
  for (const [variable, [, place]] of Object.entries(CREDENTIALS)) {
    await t.notThrowsAsync(admit(`/srv/${place}`, {}), variable);
    const refused = await t.throwsAsync<OutriggerError>(admit(`/srv/${place}`, { environment }), undefined, variable);
    t.is(refused?.code, 'denied', variable);
    t.regex(refused?.message ?? '', /is or contains credentials/, variable);
  }
  await t.throwsAsync(admit('/srv', { environment }), { message: /is or contains credentials/ });
  await t.notThrowsAsync(admit('/srv/config/app', { environment }), 'what else is in such a folder is no secret');
  const two = { KUBECONFIG: '/srv/one:/srv/two' };
  for (const file of ['/srv/one', '/srv/two']) await t.throwsAsync(admit(file, { environment: two }), undefined, file);
});

test('the certificates of an engine that only the environment names are out of reach', async t => {
  const hidden = protectedFiles({ environment: { DOCKER_CERT_PATH: '/srv/engine-tls' } });
  const policy = admissionPolicy.parse({ allow: { bindRoots: ['/srv'] } });
  for (const file of ['ca.pem', 'cert.pem', 'key.pem', '']) {
    const admitted = admitOrThrow(serviceSpec.parse(spec([`/srv/engine-tls/${file}`])), policy, { hidden });
    t.is((await t.throwsAsync<OutriggerError>(admitted))?.code, 'denied', file);
  }
  await t.notThrowsAsync(admitOrThrow(serviceSpec.parse(spec(['/srv/models'])), policy, { hidden }));
});

test('the word for no nodes file is no file', t => {
  t.deepEqual(protectedFiles({ nodes: 'none', environment: { OUTRIGGER_NODES: 'none' } }), []);
});
