import { parseArgs } from 'node:util';
import { toOutriggerError } from '../../control-plane/core/errors.ts';
import { createDockerEngine, resolveConnection } from '../../control-plane/engine/docker/index.ts';
import { findNvidiaHook, LocalNvidiaSmi } from '../../control-plane/engine/docker/local-nvidia-smi.ts';

/**
 * Prints as JSON what is read of this machine's GPUs, with the code that the control plane reads them with: what NVIDIA's
 * driver says and, with --engine, what becomes of it together with the names that the Docker Engine knows.
 */
const { values: options } = parseArgs({
  options: { engine: { type: 'boolean', default: false }, 'probe-image': { type: 'string' } },
});
const signal = AbortSignal.timeout(60_000);

const driver = await new LocalNvidiaSmi().read(signal).catch(failure);
const read = { driver, hookInstalled: await findNvidiaHook(), ...(options.engine && { engine: await readEngine() }) };
process.stdout.write(`${JSON.stringify(read, null, 2)}\n`);
process.exitCode = 'error' in driver ? 1 : 0;

async function readEngine(): Promise<unknown> {
  const gpuProbeImage = options['probe-image'];
  try {
    const connection = await resolveConnection();
    const engine = createDockerEngine({
      node: 'local',
      instance: `inventory-${process.pid}`,
      connection,
      ...(gpuProbeImage === undefined ? {} : { gpuProbeImage }),
    });
    try {
      // What the first look misses for want of time, the asked one waits for.
      await engine.measure(signal);
      const { cpus, memoryBytes, devices } = await engine.observe(signal);
      return { cpus, memoryBytes, devices, driverTrouble: engine.driverTrouble };
    } finally {
      engine.close();
    }
  } catch (thrown) {
    return failure(thrown);
  }
}

function failure(thrown: unknown): { readonly error: string; readonly next?: string } {
  const { message, next } = toOutriggerError(thrown);
  return next === undefined ? { error: message } : { error: message, next };
}
