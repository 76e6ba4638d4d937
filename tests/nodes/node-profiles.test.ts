import { rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import test from 'ava';
import type { NodeSource } from '../../control-plane/nodes/node-source.ts';
import { writeEngineCertificates } from '../engines/engine-certificates.ts';
import { namesOf, place } from './nodes-place.ts';

test('an engine that only ssh reaches is no neighbour, without a file either', async t => {
  const w = await place(t);
  const source = await w.open(undefined, { DOCKER_HOST: 'ssh://ann@10.1.2.3' });
  t.like(source.inUse().members[0]?.profile, {
    address: '10.1.2.3',
    reach: 'published',
    connection: 'ssh://ann@10.1.2.3',
  });
  t.is(w.made[0]?.settings.publishOn, '10.1.2.3');
});

test('sockets, keys and the file itself are out of reach of every container', async t => {
  const w = await place(t);
  const tls = path.join(w.folder, 'tls');
  await writeEngineCertificates(tls, '127.0.0.1');
  await writeFile(
    w.file,
    'nodes:\n  a: {engine: unix:///a.sock}\n  b: {engine: ssh://b.invalid/b.sock}\n  c: {engine: tcp://c:1, tls: {cert: tls/client.pem, key: tls/client.key}}\n',
  );
  const hidden = (await w.open()).hiddenPaths();
  const files = ['/a.sock', '/b.sock', path.join(tls, 'client.pem'), path.join(tls, 'client.key')];
  for (const file of [w.file, ...files]) t.true(hidden.includes(file), file);
});

test('what a node proves itself with is out of reach also while its entry is wrong', async t => {
  const w = await place(t);
  const names = ['ca.pem', 'cert.pem', 'key.pem'];
  for (const name of names) await writeFile(path.join(w.folder, name), 'half of a file');
  const tls = '{ca: ca.pem, cert: cert.pem, key: key.pem}';
  await writeFile(w.file, `nodes: {a: {engine: "unix:///a.sock"}, c: {engine: "tcp://c:1", tls: ${tls}}}\n`);
  const hidden = (await w.open()).hiddenPaths();
  for (const name of names) t.true(hidden.includes(path.join(w.folder, name)), name);
});

test('the keys that ssh takes for a node are out of reach, wherever its configuration has them', async t => {
  const w = await place(t);
  const said = [
    'hostname 10.1.2.3',
    'identityfile /srv/keys/%h key%%1',
    'identityfile ~/.keys/own',
    'identityfile relative',
    'identityagent /run/agent.sock',
    'identityagent SSH_AUTH_SOCK',
    'certificatefile /srv/keys/signed.pub',
  ];
  await writeFile(path.join(w.folder, 'ssh'), `#!/bin/sh\ncat <<'END'\n${said.join('\n')}\nEND\n`, { mode: 0o755 });
  const environment = { PATH: `${w.folder}:${process.env['PATH']}` };
  const own = path.join(userInfo().homedir, '.keys/own');
  const expected = ['/srv/keys/10.1.2.3 key%1', own, '/run/agent.sock', '/srv/keys/signed.pub'];
  const local = await w.open(undefined, { ...environment, DOCKER_HOST: 'ssh://gpu' });
  t.is(local.inUse().members[0]?.profile.address, '10.1.2.3');
  t.deepEqual(local.hiddenPaths(), expected);
  await local.close();
  await writeFile(w.file, 'nodes: {far: {engine: "ssh://gpu"}}\n');
  const source = await w.open(undefined, environment);
  source
    .inUse()
    .members.find(m => m.leaving)
    ?.close?.();
  t.deepEqual(source.hiddenPaths(), [w.file, ...expected]);
});

test('addresses, reach and ports follow from the way to the engine unless the file says so', async t => {
  const w = await place(t);
  await writeFile(
    w.file,
    `nodes:
  local: {engine: unix:///a.sock}
  ip: {engine: tcp://10.0.0.5:2375}
  name: {engine: tcp://gpu.invalid:2375}
  routed: {engine: tcp://10.0.0.6:2375, reach: containers}
  own: {engine: tcp://10.0.0.7:2375, address: gpu-7.example, publish_on: 192.168.0.7}
  shown: {engine: unix:///b.sock, reach: published, address: 10.0.0.8}
`,
  );
  const source = await w.open();
  const found = source
    .inUse()
    .members.map(({ profile: { address, reach } }, i) => [
      w.made[i]?.name,
      address,
      reach,
      w.made[i]?.settings.publishOn,
    ]);
  t.deepEqual(found, [
    ['local', '127.0.0.1', 'containers', undefined],
    ['ip', '10.0.0.5', 'published', '10.0.0.5'],
    ['name', 'gpu.invalid', 'published', '0.0.0.0'],
    ['routed', '10.0.0.6', 'containers', undefined],
    ['own', 'gpu-7.example', 'published', '192.168.0.7'],
    ['shown', '10.0.0.8', 'published', '10.0.0.8'],
  ]);
});

test('stated devices become what the scheduler counts', async t => {
  const w = await place(t);
  await writeFile(
    w.file,
    `nodes:
  a:
    engine: unix:///a.sock
    devices:
      - {id: nvidia.com/gpu=0, model: H100, memory: 80GiB, uuid: GPU-1}
      - {id: "nvidia.com/mig=1:0", slice: {of: GPU-2, profile: 1g.10gb}}
      - {id: GPU-3, index: 2}
`,
  );
  await w.open();
  t.deepEqual(w.made[0]?.settings.devices, [
    { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0', uuid: 'GPU-1', model: 'H100', memoryBytes: 80 * 1024 ** 3 },
    { id: 'nvidia.com/mig=1:0', driver: 'cdi', index: '1:0', slice: { of: 'GPU-2', profile: '1g.10gb' } },
    { id: 'GPU-3', driver: 'nvidia', index: '2', uuid: 'GPU-3' },
  ]);
});

test('the keys of a node that leaves the file are out of reach until it is gone', async t => {
  const w = await place(t);
  await writeEngineCertificates(path.join(w.folder, 'tls'), '127.0.0.1');
  const tls = 'tls: {cert: tls/client.pem, key: tls/client.key}';
  const [a, c] = ['a: {engine: unix:///a.sock}', `c: {engine: tcp://c:1, ${tls}}`];
  const keys = ['client.pem', 'client.key'].map(name => path.join(w.folder, 'tls', name));
  const areHidden = (source: NodeSource) => keys.map(key => source.hiddenPaths().includes(key));
  await writeFile(w.file, `nodes: {${a}, ${c}}\n`);
  const source = await w.open();
  w.follow(source);
  await writeFile(w.file, `nodes: {${a}}\n`);
  await w.changed(1);
  t.deepEqual(areHidden(source), [true, true], 'its replicas drain');
  await source.close();

  const next = await w.open();
  t.deepEqual(namesOf(next.inUse()), ['a', 'c, leaving']);
  t.deepEqual(areHidden(next), [true, true], 'also in the next life');
  await next.close();

  await rm(w.file);
  const alone = await w.open('none');
  t.deepEqual(namesOf(alone.inUse()), ['local', 'a, leaving', 'c, leaving']);
  t.deepEqual(areHidden(alone), [true, true], 'also without the file');
  t.true(alone.hiddenPaths().includes('/a.sock'));
  for (const member of alone.inUse().members) if (member.leaving) member.close?.();
  t.deepEqual(areHidden(alone), [false, false], 'it is gone');
  t.false(alone.hiddenPaths().includes('/a.sock'));
});

test('a node that is gone gives its keys free, and one that comes back has them out of reach again', async t => {
  const w = await place(t);
  await writeEngineCertificates(path.join(w.folder, 'tls'), '127.0.0.1');
  const key = path.join(w.folder, 'tls/client.key');
  const of = (name: string) => `${name}: {engine: tcp://${name}:1, tls: {cert: tls/client.pem, key: tls/client.key}}`;
  await writeFile(w.file, `nodes: {a: {engine: unix:///a.sock}, ${of('c')}}\n`);
  const source = await w.open();
  const before = source.inUse().members[1]!;
  w.follow(source);
  await writeFile(w.file, 'nodes: {a: {engine: unix:///a.sock}}\n');
  await w.changed(1);
  before.close?.();
  t.false(source.hiddenPaths().includes(key));
  await writeFile(w.file, `nodes: {a: {engine: unix:///a.sock}, ${of('d')}}\n`);
  await w.changed(2);
  t.true(source.hiddenPaths().includes(key));
});
