import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { checkNodes } from '../../cli/doctor/nodes.ts';

const UUIDS = ['GPU-8f2e0000-0000-0000-0000-000000000001', 'GPU-8f2e0000-0000-0000-0000-000000000002'];
const NAMES = ['0', '1', ...UUIDS, 'all'].map(name => `nvidia.com/gpu=${name}`);

/** What an engine of a machine with two GPUs answers; a probe container is refused. */
async function gpuEngine(
  t: ExecutionContext,
  options: { images?: readonly string[]; apiVersion?: string; info?: object } = {},
): Promise<string> {
  const { images = [], apiVersion = '1.51', info = {} } = options;
  const server = createServer((request, response) => {
    const [where = ''] = (request.url ?? '').replace(/^\/v1\.\d+/, '').split('?');
    response.setHeader('content-type', 'application/json');
    const answer = (value: unknown, status = 200) => {
      response.statusCode = status;
      response.end(JSON.stringify(value));
    };
    const image = /^\/images\/(.+)\/json$/.exec(where)?.[1];
    if (where === '/version') return answer({ Version: '28.3.0', ApiVersion: apiVersion });
    if (where === '/info') {
      return answer({
        ID: 'ABCD',
        Name: 'gpu-1',
        NCPU: 8,
        MemTotal: 1024 ** 3,
        OSType: 'linux',
        SystemTime: new Date().toISOString(),
        CDISpecDirs: ['/etc/cdi'],
        DiscoveredDevices: NAMES.map(ID => ({ Source: 'cdi', ID })),
        ...info,
      });
    }
    if (where === '/containers/json' || where === '/images/json') return answer([]);
    if (image !== undefined && images.includes(image)) return answer({ Id: 'sha256:1' });
    if (image !== undefined) return answer({ message: `No such image: ${image}` }, 404);
    return answer({ message: 'could not select device driver' }, 500);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function check(t: ExecutionContext, text: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-doctor-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'nodes.yaml');
  await writeFile(file, text);
  const findings = await checkNodes(file, process.env, AbortSignal.timeout(30_000));
  return (name: string) => findings.filter(f => f.name === name).map(({ status, message }) => `${status}: ${message}`);
}

test('doctor counts devices, not their names', async t => {
  const [engine, other] = await Promise.all([gpuEngine(t), gpuEngine(t)]);
  const found = await check(
    t,
    `nodes:\n  a: {engine: "${engine}"}\n  b: {engine: "${other}", devices: [{id: nvidia.com/gpu=1, model: L4, memory: 24GiB}]}\n`,
  );
  t.deepEqual(found('node a gpu'), ['ok: 2 devices: nvidia.com/gpu=0, nvidia.com/gpu=1']);
  t.deepEqual(found('node b gpu'), ['ok: 1 device, as the nodes file states: nvidia.com/gpu=1 (L4, 24 GiB)']);
});

test('doctor refuses the second name of an engine, as a control plane does', async t => {
  const engine = await gpuEngine(t);
  const found = await check(
    t,
    `nodes:\n  z: {engine: "${engine}"}\n  a: {engine: "${engine.replace('127.0.0.1', 'localhost')}"}\n`,
  );
  t.deepEqual(
    found('node z').map(line => line.split(':')[0]),
    ['ok'],
  );
  t.is(found('node a').at(-1), 'fail: a and z are one engine, on the host gpu-1');
});

test('doctor says that a nodes file is missing', async t => {
  const findings = await checkNodes('/nowhere/nodes.yaml', process.env, AbortSignal.timeout(30_000));
  t.deepEqual(
    findings.map(f => f.message),
    ['/nowhere/nodes.yaml does not exist'],
  );
});

test('doctor tries the image of the GPU probe where it is there, and says where it is not', async t => {
  const [there, missing] = await Promise.all([gpuEngine(t, { images: ['probe:1'] }), gpuEngine(t)]);
  const found = await check(
    t,
    `nodes:
  there: {engine: "${there}", gpu_probe_image: "probe:1"}
  missing: {engine: "${missing}", gpu_probe_image: "probe:1"}
`,
  );
  t.regex(
    found('node there gpu').join('\n'),
    /^ok: 2 devices.*\nwarn: nvidia-smi in gpu_probe_image probe:1 does not answer: creating the GPU probe of node there: could not select device driver/,
  );
  t.regex(found('node missing gpu').join('\n'), /^ok: 2 devices.*\nwarn: gpu_probe_image probe:1 is not there/);
});

test('doctor warns of an engine that anything may pass for, and gives no advice that the nodes file overrules', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-doctor-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'nodes.yaml');
  await writeFile(
    file,
    `nodes:\n  a: {engine: unix://${folder}/none.sock}\n  b: {engine: tcp://127.0.0.1:9, tls: {skip_verify: true}}\n`,
  );
  const findings = await checkNodes(file, process.env, AbortSignal.timeout(30_000));
  const [warning] = findings.filter(f => f.status === 'warn');
  t.regex(warning?.message ?? '', /nodes\.b\.tls\.skip_verify: trusts whatever answers there/);
  t.regex(warning?.next ?? '', /tls\.ca/);
  const a = findings.find(f => f.name === 'node a');
  t.regex(a?.message ?? '', /Docker is not running at unix:/);
  t.is(a?.next, 'Start Docker there (systemctl start docker), or mend nodes.a in the nodes file.');
});

test('doctor says what to do about each thing that is hardly meant', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-doctor-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'nodes.yaml');
  const stated = '{id: "nvidia.com/gpu=0", model: H100, memory: 80}';
  await writeFile(
    file,
    `nodes:\n  a: {engine: unix://${folder}/none.sock, reserved: {memory: 2}, devices: [${stated}]}\n  b: {engine: "tcp://192.0.2.1:9"}\n`,
  );
  const findings = await checkNodes(file, process.env, AbortSignal.timeout(30_000));
  const advice = findings.filter(f => f.status === 'warn').map(f => f.next);
  t.deepEqual(advice, [
    'Write the unit, as in 2g or 80GiB.',
    'Write the unit, as in 2g or 80GiB.',
    'Give it tls, or reach it by ssh://.',
  ]);
});

test('doctor does not take devices for granted that the nodes file states and the engine cannot hand over', async t => {
  const none = { DiscoveredDevices: undefined };
  const [old, off, empty, other, silent] = await Promise.all([
    gpuEngine(t, { apiVersion: '1.41', info: { ...none, CDISpecDirs: undefined } }),
    gpuEngine(t, { info: { ...none, CDISpecDirs: [] } }),
    gpuEngine(t, { info: none }),
    gpuEngine(t),
    gpuEngine(t, { apiVersion: '1.44', info: none }),
  ]);
  const devices = 'devices: [{id: nvidia.com/gpu=7, model: L4, memory: 24GiB}]';
  const found = await check(
    t,
    `nodes:
  old: {engine: "${old}", ${devices}}
  off: {engine: "${off}", ${devices}}
  empty: {engine: "${empty}", ${devices}}
  other: {engine: "${other}", ${devices}}
  silent: {engine: "${silent}", ${devices}}
`,
  );
  for (const node of ['old', 'off'])
    t.regex(found(`node ${node} gpu`).join(), /^fail: nvidia.com\/gpu=7.*does not hand/);
  t.regex(found('node empty gpu').join(), /^fail: the engine does not know nvidia.com\/gpu=7.*it lists none/);
  t.regex(
    found('node other gpu').join(),
    /^fail: the engine does not know nvidia.com\/gpu=7.*it lists nvidia.com\/gpu=0/,
  );
  // One that tells of no CDI devices at all leaves it to be tried.
  t.regex(found('node silent gpu').join(), /^ok: 1 device, as the nodes file states/);
});

test('doctor says where it looked for a GPU', async t => {
  const [plain, cdi] = await Promise.all([
    gpuEngine(t, { info: { DiscoveredDevices: undefined, CDISpecDirs: undefined } }),
    gpuEngine(t, { info: { DiscoveredDevices: undefined } }),
  ]);
  const found = await check(t, `nodes:\n  plain: {engine: "${plain}"}\n  cdi: {engine: "${cdi}"}\n`);
  t.regex(found('node plain gpu').join(), /^info: no GPU found.*the engine has no CDI and has no NVIDIA runtime$/);
  t.regex(
    found('node cdi gpu').join(),
    /^info: no GPU found.*the engine lists no CDI device and has no NVIDIA runtime$/,
  );
});
