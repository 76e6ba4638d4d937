import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { OutriggerError } from '../../../control-plane/core/errors.ts';
import { createDockerEngine, resolveConnection } from '../../../control-plane/engine/docker/index.ts';
import { findNvidiaHook, LocalNvidiaSmi } from '../../../control-plane/engine/docker/local-nvidia-smi.ts';
import { soon } from '../../contract/engine.ts';
import { until } from '../../until.ts';
import { MIG_LIST, MIG_QUERY, MIG_TABLE } from './smi-outputs.ts';

const running = new AbortController().signal;

/** A folder for the PATH with an `nvidia-smi` that runs this shell script. */
async function machine(t: ExecutionContext, script: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-smi-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const replace = async (text: string) => {
    const file = path.join(folder, 'nvidia-smi');
    await writeFile(file, `#!/bin/sh\n${text}\n`);
    await chmod(file, 0o755);
  };
  await replace(script);
  const environment = { PATH: `${folder}${path.delimiter}${process.env['PATH']}`, FOLDER: folder };
  return { folder, replace, environment };
}

const prints = (outputs: { query: string; list: string; table?: string }) => `case "$1" in
--query-gpu=*) cat <<'END'
${outputs.query}END
;;
-L) cat <<'END'
${outputs.list}END
;;
'') echo table >>"$FOLDER/asked"; cat <<'END'
${outputs.table ?? ''}END
;;
esac`;

test('a machine is read by running nvidia-smi; the table only where there are slices', async t => {
  const plain = {
    query: '0, GPU-aa, NVIDIA L4, 23034, 34, 22000, [N/A]\n',
    list: 'GPU 0: NVIDIA L4 (UUID: GPU-aa)\n',
  };
  const m = await machine(t, prints(plain));
  const smi = new LocalNvidiaSmi({ environment: m.environment });
  t.like((await smi.read(running)).gpus[0], { uuid: 'GPU-aa', model: 'NVIDIA L4' });
  await t.throwsAsync(readFile(path.join(m.folder, 'asked')), { code: 'ENOENT' });

  await m.replace(prints({ query: MIG_QUERY, list: MIG_LIST, table: MIG_TABLE }));
  const { slices } = await smi.read(running);
  t.deepEqual(
    slices.map(s => [s.profile, s.memory?.totalBytes]),
    [
      ['3g.20gb', 20_096 * 1024 ** 2],
      ['1g.5gb', 4_864 * 1024 ** 2],
    ],
  );
});

test('a driver that fails is said with its exit code and words', async t => {
  const m = await machine(t, 'echo "Failed to initialize NVML: Unknown Error"; exit 255');
  const error = await t.throwsAsync(new LocalNvidiaSmi({ environment: m.environment }).read(running), {
    instanceOf: OutriggerError,
  });
  t.is(error?.message, 'nvidia-smi ended with 255: Failed to initialize NVML: Unknown Error');
});

test('a machine without nvidia-smi is said to be one', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-smi-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const error = await t.throwsAsync(new LocalNvidiaSmi({ environment: { PATH: folder } }).read(running), {
    instanceOf: OutriggerError,
  });
  t.is(error?.message, 'nvidia-smi could not be run: not found');
});

test('one that hangs is given up and ended, whoever holds its output, and read again later', async t => {
  const m = await machine(t, 'echo $$ >>"$FOLDER/pids"; sleep 1000 & echo $! >>"$FOLDER/children"; wait');
  const smi = new LocalNvidiaSmi({ environment: m.environment, deadlineMs: 500 });
  t.teardown(async () => {
    for (const pid of await numbersIn(path.join(m.folder, 'children'))) process.kill(pid, 'SIGKILL');
  });
  await t.throwsAsync(smi.read(running), { message: /did not end within 500 ms/ });
  const pids = await numbersIn(path.join(m.folder, 'pids'));
  await until(
    () => `the processes ${pids.join(', ')} are gone`,
    () => !pids.some(isAlive),
  );
  await m.replace(prints({ query: '0, GPU-aa, NVIDIA L4, 1, 0, 1, [N/A]\n', list: '' }));
  const reading = await until('nvidia-smi is read again', () => smi.read(running).catch(() => null));
  t.is(reading.gpus.length, 1);
});

test('the signal ends a reading', async t => {
  const m = await machine(t, 'sleep 1000');
  const stop = new AbortController();
  const reading = new LocalNvidiaSmi({ environment: m.environment }).read(stop.signal);
  stop.abort(new Error('enough'));
  await t.throwsAsync(reading, { message: 'enough' });
});

test('the hook of the toolkit is looked for on the PATH', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-smi-'));
  t.teardown(() => rm(folder, { recursive: true }));
  t.false(await findNvidiaHook({ PATH: folder }));
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'nvidia-container-runtime-hook'), '#!/bin/sh\n');
  await chmod(path.join(folder, 'nvidia-container-runtime-hook'), 0o755);
  t.true(await findNvidiaHook({ PATH: `/nowhere${path.delimiter}${folder}` }));
});

test('an engine of this machine lists what nvidia-smi says here, also after it stopped saying anything', async t => {
  const line = (usedMib: number) => `0, GPU-aa, NVIDIA L4, 23034, ${usedMib}, ${23_034 - usedMib}, [N/A]\n`;
  const m = await machine(t, prints({ query: line(34), list: 'GPU 0: NVIDIA L4 (UUID: GPU-aa)\n' }));
  await writeFile(path.join(m.folder, 'nvidia-container-runtime-hook'), '#!/bin/sh\n', { mode: 0o755 });
  const engine = createDockerEngine({
    node: 'local',
    instance: 'test-local-smi',
    connection: await resolveConnection(),
    environment: m.environment,
  });
  t.teardown(() => engine.close());
  const devices = async () => {
    await engine.measure(soon());
    return (await engine.observe(soon())).devices;
  };
  const known = { id: 'GPU-aa', driver: 'nvidia', index: '0', uuid: 'GPU-aa', model: 'NVIDIA L4' } as const;
  const MIB = 1024 ** 2;
  const [device] = await devices();
  t.like(device, { ...known, memoryBytes: 23_034 * MIB });
  t.like(device?.measured, { usedBytes: 34 * MIB, freeBytes: 23_000 * MIB });
  t.is(engine.driverTrouble, null);
  t.false('driverTrouble' in (await engine.observe(soon())));

  await m.replace('echo "Failed to initialize NVML: Unknown Error"; exit 255');
  t.deepEqual(await devices(), [{ ...known, memoryBytes: 23_034 * MIB }]);
  t.is(engine.driverTrouble, 'nvidia-smi ended with 255: Failed to initialize NVML: Unknown Error');
  t.is((await engine.observe(soon())).driverTrouble, engine.driverTrouble ?? undefined, 'and a listing says so');
});

test('what would be read of a machine can be printed', async t => {
  const m = await machine(
    t,
    prints({ query: '0, GPU-aa, NVIDIA L4, 23034, 34, 23000, [N/A]\n', list: 'GPU 0: NVIDIA L4 (UUID: GPU-aa)\n' }),
  );
  const script = path.join(import.meta.dirname, '../../device/read-inventory.ts');
  const print = () => promisify(execFile)(process.execPath, [script], { env: m.environment, timeout: 60_000 });
  t.like(JSON.parse((await print()).stdout), { driver: { gpus: [{ uuid: 'GPU-aa' }], slices: [] } });
  await m.replace('exit 9');
  const failed = (await t.throwsAsync(print())) as Error & { code: number; stdout: string };
  t.is(failed.code, 1);
  t.like(JSON.parse(failed.stdout), { driver: { error: 'nvidia-smi ended with 9: it printed nothing' } });
});

async function numbersIn(file: string): Promise<number[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
