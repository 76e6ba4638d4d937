import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { DeviceView, NodeView, ServiceView, WhyView } from '../../control-plane/views/views.ts';
import { outrigger, outriggerJson, read } from '../../demo/outrigger-command.ts';
import { until } from '../until.ts';

/**
 * Gives a container a GPU of this machine's Docker Engine (or of DOCKER_HOST), with the product as a person uses it, and looks
 * into the container: it has that device and no other. Who wants the same one waits, is told whose it is, and has it once
 * it is free. What is claimed is checked; a claim that does not hold ends this with a status other than 0. A control
 * plane of its own, so that one that runs is not touched; nothing stays behind.
 */
const { values: options } = parseArgs({
  options: { image: { type: 'string', default: 'outrigger-base/debian:bookworm' } },
});
const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-give-a-gpu-'));
const environment = { ...process.env, OUTRIGGER_STATE: path.join(folder, 'state'), OUTRIGGER_NODES: 'none' };
const project = `give-a-gpu-${process.pid}`;
const file = path.join(folder, 'compose.yaml');
const CLI = path.join(import.meta.dirname, '../../cli/main.ts');
const DEADLINE_MS = 120_000;

let failure: unknown = null;
const interruption = Promise.withResolvers<never>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interruption.reject(new Error('interrupted')));
}
try {
  await Promise.race([play(), interruption.promise]);
} catch (error) {
  failure = error;
} finally {
  await outrigger(['down', '-p', project], environment).catch(error => {
    failure ??= error;
  });
  await rm(folder, { recursive: true, force: true });
}
if (failure !== null) process.stderr.write(`give-a-gpu: ${failure instanceof Error ? failure.message : failure}\n`);
// What was interrupted may be waiting still.
process.exit(failure === null ? 0 : 1);

async function play(): Promise<void> {
  await describe([{ count: 1 }]);
  await outrigger(['up', '-d', '-f', file, '--wait-timeout', `${DEADLINE_MS / 1_000}s`, 'first'], environment);
  const first = await placed('first');
  const device = await deviceOf('first', first.device);
  tell(`first was given ${inWords(device)}`);
  tell(`its container has just that: ${await seenIn(first.containerId, device)}`);

  // A device of its own by its id, so that it is this one that is waited for, however many there are.
  await describe([{ driver: 'nvidia', device_ids: [device.id] }]);
  const waiting = spawn(process.execPath, [CLI, 'up', '-d', '-f', file, 'second'], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise<number | null>(resolve => waiting.on('close', resolve));
  try {
    tell(`second waits: ${await whyItWaits(device)}`);
    await outrigger(['down', '-p', project, 'first'], environment);
    const status = await Promise.race([ended, expiry()]);
    if (status !== 0) throw new Error(`the device was given back, and second did not come up (status ${status})`);
  } finally {
    waiting.kill('SIGINT');
    await ended;
  }
  const second = await placed('second');
  if (second.device !== device.id) throw new Error(`second was given ${second.device} instead of ${device.id}`);
  tell(`first is gone, and second has it: ${await seenIn(second.containerId, device)}`);
  await outrigger(['down', '-p', project], environment);
  const left = await read('docker', ['ps', '-aq', '--filter', `name=^${project}-`], environment);
  if (left.trim() !== '') throw new Error(`containers are left: ${left.trim().split('\n').join(', ')}`);
  tell('down: nothing is left');
}

/** JSON is YAML. */
async function describe(ofSecond: readonly object[]): Promise<void> {
  const { image } = options;
  const service = (gpus: readonly object[]) => ({
    image,
    pull_policy: 'never',
    command: ['sleep', '3600'],
    init: true,
    stop_grace_period: '2s',
    gpus,
  });
  const services = { first: service([{ count: 1 }]), second: service(ofSecond) };
  await writeFile(file, JSON.stringify({ name: project, services }));
}

async function placed(name: string): Promise<{ readonly containerId: string; readonly device: string }> {
  const { services } = await outriggerJson<{ services: readonly ServiceView[] }>(['ps', '-p', project], environment);
  const [replica] = services.find(s => s.name === name)?.replicas ?? [];
  const [device, ...others] = replica?.devices ?? [];
  if (replica?.containerId === undefined || device === undefined || others.length > 0) {
    throw new Error(`${name} has no container with just one device: ${JSON.stringify(replica)}`);
  }
  return { containerId: replica.containerId, device };
}

/** As `outrigger nodes` has it, which says who holds it. */
async function deviceOf(holder: string, id: string): Promise<DeviceView> {
  const { nodes } = await outriggerJson<{ nodes: readonly NodeView[] }>(['nodes'], environment);
  const device = nodes.flatMap(n => n.devices).find(d => d.id === id);
  if (device?.state !== 'held' || !device.holders.some(h => h.namespace === project && h.service === holder)) {
    throw new Error(`${id} is not held by ${holder}: ${JSON.stringify(device)}`);
  }
  return device;
}

/** Asks the container itself: by nvidia-smi, which NVIDIA's toolkit puts there; and by the device nodes that it has. */
async function seenIn(containerId: string, { uuid }: DeviceView): Promise<string> {
  const listing = await read('docker', ['exec', containerId, 'nvidia-smi', '-L'], environment);
  const lines = listing.split('\n').map(line => line.trim());
  const listed = lines.filter(line => /UUID: (GPU|MIG)-/.test(line));
  // Of a slice its GPU is listed as well.
  const own = listed.filter(line => line.includes('UUID: MIG-'));
  const seen = own.length > 0 ? own : listed;
  if (seen.length !== 1 || (uuid !== undefined && !seen[0]?.includes(uuid))) {
    throw new Error(`expected the one device ${uuid ?? ''} in the container, and nvidia-smi -L lists:\n${listing}`);
  }
  const inDev = (await read('docker', ['exec', containerId, 'ls', '/dev'], environment)).split('\n');
  const nodes = inDev.filter(name => /^nvidia\d+$/.test(name));
  if (nodes.length !== 1) throw new Error(`expected one device node, found ${nodes.join(', ') || 'none'}`);
  return `${seen[0]}; /dev/${nodes[0]}`;
}

/** Once it is known: that the device is held, and by whom. */
async function whyItWaits(device: DeviceView): Promise<string> {
  const heldBy = `${project}/first`;
  let last: unknown;
  const group = await until(
    () => `why names ${device.id} and ${heldBy}; it says ${JSON.stringify(last)}`,
    async () => {
      const why = await outriggerJson<WhyView>(['why', `${project}/second`], environment).catch(error => {
        last = (error as Error).message;
        return null;
      });
      last = why ?? last;
      const [replica] = why?.replicas ?? [];
      const isNamed = replica?.rejections.some(r => r.device === device.id && r.heldBy.includes(heldBy));
      return isNamed ? replica?.groups.find(g => g.constraint === 'gpu_held' && g.heldBy.includes(heldBy)) : null;
    },
    { deadlineMs: DEADLINE_MS, pauseMs: 200 },
  );
  return group.message;
}

async function expiry(): Promise<string> {
  return new Promise(resolve => {
    setTimeout(() => resolve(`none within ${DEADLINE_MS / 1_000} s`), DEADLINE_MS).unref();
  });
}

function inWords({ id, uuid, model }: DeviceView): string {
  return [id, model, uuid === id ? undefined : uuid].filter(part => part !== undefined).join(', ');
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
