import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import type { DockerConnection } from '../../control-plane/engine/docker/index.ts';
import { HAVE_CDI } from '../../control-plane/engine/docker/refusals.ts';
import { formatBytes } from '../render/units.ts';
import { type Finding, failure } from './check.ts';

/** What the nodes file says of a node's devices. */
export interface DevicesCheck {
  readonly stated?: readonly ObservedDevice[];
  readonly gpuProbeImage?: string;
}

/** The parts of the engine's `/info` that speak of devices. */
export interface EngineDevices {
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
  /** Since API 1.50. */
  readonly DiscoveredDevices?: readonly { readonly Source: string; readonly ID: string }[] | null;
  /** Since API 1.44; none where CDI is switched off. */
  readonly CDISpecDirs?: readonly string[] | null;
  /** It is new enough to list the CDI devices that it has. */
  readonly tellsDevices?: boolean;
}

/** The node's devices as a control plane would find them, and count them: by the same ways. */
export async function checkDevices(
  connection: DockerConnection,
  signal: AbortSignal,
  options: {
    readonly info: EngineDevices;
    /** By which the node is called, and by which the finding is shown. */
    readonly node: string;
    readonly name: string;
    readonly environment: NodeJS.ProcessEnv;
    readonly devices: DevicesCheck | undefined;
  },
): Promise<readonly Finding[]> {
  const { info, node, name, environment, devices: { stated, gpuProbeImage } = {} } = options;
  const { createDockerEngine } = await import('../../control-plane/engine/docker/index.ts');
  const common = { node, instance: `doctor-${randomBytes(6).toString('hex')}`, connection, environment };
  const plain = createDockerEngine({ ...common, ...(stated && { devices: stated }) });
  const isMissing = gpuProbeImage !== undefined && (await plain.imageId(gpuProbeImage, signal)) === null;
  const isProbed = gpuProbeImage !== undefined && !isMissing;
  const engine = isProbed
    ? createDockerEngine({ ...common, gpuProbeImage, ...(stated && { devices: stated }) })
    : plain;
  try {
    // What the first look misses for want of time, the asked one waits for.
    const slow = await engine.measure(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])).then(
      () => null,
      (error: Error) => error.message,
    );
    const { devices } = await engine.observe(signal);
    const trouble = engine.driverTrouble ?? slow;
    return [
      {
        ...(statedInVain(stated ?? [], info) ??
          devicesFinding(devices, { isLocal: connection.kind === 'unix', info, stated })),
        name,
      },
      ...(isMissing
        ? [
            {
              name,
              status: 'warn' as const,
              message: `gpu_probe_image ${gpuProbeImage} is not there; what its container would find is not checked`,
              next: 'A control plane pulls it when it starts; or pull or load it there, and run this again.',
            },
          ]
        : []),
      ...(trouble === null
        ? []
        : [troubleFinding(trouble, { name, image: isProbed ? gpuProbeImage : undefined, stated })]),
    ];
  } catch (error) {
    signal.throwIfAborted();
    return [failure(name, error)];
  } finally {
    plain.close();
    engine.close();
  }
}

/** Why NVIDIA's driver cannot be asked, which is less of a trouble where the operator states what it would say. */
function troubleFinding(
  trouble: string,
  { name, image, stated }: { name: string; image: string | undefined; stated: readonly ObservedDevice[] | undefined },
): Finding {
  if (image !== undefined) {
    return {
      name,
      status: 'warn',
      message: `nvidia-smi in gpu_probe_image ${image} does not answer: ${trouble}`,
      next: 'Until it does, models and memory of the devices are not known. Any image with /bin/sh and glibc will do; the engine has to be able to give it the GPUs.',
    };
  }
  return {
    name,
    status: stated ? 'info' : 'warn',
    message: `NVIDIA's driver cannot be asked: ${trouble}`,
    next: 'Run "nvidia-smi" on this machine, as the user that the control plane runs as. Until it answers, models and memory of the devices are not known, or not measured.',
  };
}

/** Devices that the nodes file states, and that this engine cannot hand over by that name; null: it can, as far as it tells. */
function statedInVain(stated: readonly ObservedDevice[], info: EngineDevices): Omit<Finding, 'name'> | null {
  const byCdi = stated.filter(d => d.driver === 'cdi').map(d => d.id);
  const listed = (info.DiscoveredDevices ?? []).filter(d => d.Source === 'cdi').map(d => d.ID);
  if (byCdi.length === 0) return null;
  if (listed.length === 0 && (info.CDISpecDirs ?? []).length === 0) {
    const what = byCdi.length === 1 ? 'has a CDI name' : 'have CDI names';
    const message = `${shortened(byCdi)}, as the nodes file states, ${what}, and this engine does not hand devices over by these: what is given one does not start`;
    return { status: 'fail', message, next: HAVE_CDI };
  }
  const unknown = byCdi.filter(id => !listed.includes(id));
  if (unknown.length === 0 || (listed.length === 0 && !info.tellsDevices)) return null;
  return {
    status: 'fail',
    message: `the engine does not know ${shortened(unknown)}, as the nodes file states: it lists ${shortened(listed) || 'none'}`,
    next: 'Mend the ids in the nodes file, or write the CDI files there anew (nvidia-ctk cdi generate).',
  };
}

function shortened(ids: readonly string[]): string {
  return `${ids.slice(0, MOST_SHOWN).join(', ')}${ids.length > MOST_SHOWN ? ', …' : ''}`;
}

function devicesFinding(
  devices: readonly ObservedDevice[],
  { info, isLocal, stated }: { info: EngineDevices; isLocal: boolean; stated: readonly ObservedDevice[] | undefined },
): Omit<Finding, 'name'> {
  if (devices.length > 0) {
    const shown = devices.slice(0, MOST_SHOWN).map(describeDevice).join(', ');
    const count = devices.length === 1 ? '1 device' : `${devices.length} devices`;
    const whose = stated ? ', as the nodes file states' : '';
    return { status: 'ok', message: `${count}${whose}: ${shown}${devices.length > MOST_SHOWN ? ', …' : ''}` };
  }
  if (stated) return { status: 'ok', message: 'the nodes file states that there are none' };
  const hasRuntime = Object.keys(info.Runtimes ?? {}).some(runtime => runtime.startsWith('nvidia'));
  if (hasRuntime) {
    return {
      status: 'warn',
      message: 'the engine has the NVIDIA runtime, but which GPUs there are is not known: none is given to services',
      next: isLocal
        ? 'See that "nvidia-smi" works on this machine; or write CDI files (nvidia-ctk cdi generate).'
        : 'Give the node a gpu_probe_image or its devices in the nodes file; or write CDI files there (nvidia-ctk cdi generate).',
    };
  }
  if (isLocal && existsSync('/proc/driver/nvidia/version')) {
    return {
      status: 'warn',
      message: 'this machine has an NVIDIA driver, but the engine cannot give its GPUs to containers',
      next: 'Install nvidia-container-toolkit, run "sudo nvidia-ctk runtime configure --runtime=docker", restart Docker.',
    };
  }
  return {
    status: 'info',
    message: `no GPU found; services that ask for one stay pending. ${lookedFor(info, isLocal)}`,
    next: 'Nothing, where there is none. docs/gpus.md says how GPUs are found, and how those are stated that are not.',
  };
}

function lookedFor({ DiscoveredDevices, CDISpecDirs }: EngineDevices, isLocal: boolean): string {
  const hasCdi = (CDISpecDirs ?? []).length > 0;
  const cdi = DiscoveredDevices || hasCdi ? 'lists no CDI device' : 'has no CDI';
  const driver = isLocal ? ', and this machine no NVIDIA driver (/proc/driver/nvidia)' : '';
  return `Looked for: the engine ${cdi} and has no NVIDIA runtime${driver}`;
}

function describeDevice({ id, model, memoryBytes }: ObservedDevice): string {
  const known = [model, memoryBytes === undefined ? undefined : formatBytes(memoryBytes)].flatMap(part => part ?? []);
  return known.length === 0 ? id : `${id} (${known.join(', ')})`;
}

const MOST_SHOWN = 4;
/** For the driver: less than a whole check may take. */
const PATIENCE_MS = 7_000;
