import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import { uuidOf } from './device-names.ts';
import type { NodeSetup } from './simulated-node.ts';

const GIB = 2 ** 30;

function gpus(count: number, model: string, gib: number): ObservedDevice[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `nvidia.com/gpu=${i}`,
    driver: 'cdi' as const,
    index: String(i),
    uuid: uuidOf(`nvidia.com/gpu=${i}`),
    model,
    memoryBytes: gib * GIB,
  }));
}

/** The last joins when somebody names it: its first device is cut into slices. */
export const CLUSTER: readonly NodeSetup[] = [
  { name: 'a', cpus: 6, devices: gpus(3, 'NVIDIA H100 80GB HBM3', 80), labels: { zone: 'x' } },
  { name: 'b', cpus: 6, devices: gpus(3, 'NVIDIA L4', 24), labels: { zone: 'x' } },
  { name: 'c', cpus: 4, devices: gpus(1, 'NVIDIA A100-PCIE-40GB', 40), labels: { zone: 'y' } },
  {
    name: 'd',
    cpus: 4,
    configured: false,
    labels: { zone: 'y' },
    devices: [
      ...gpus(2, 'NVIDIA H100 80GB HBM3', 80),
      ...['0', '1'].map(i => ({
        id: `nvidia.com/mig=0:${i}`,
        driver: 'cdi' as const,
        index: `0:${i}`,
        uuid: uuidOf(`nvidia.com/mig=0:${i}`),
        model: 'NVIDIA H100 80GB HBM3 MIG 3g.40gb',
        memoryBytes: 40 * GIB,
        slice: { of: 'nvidia.com/gpu=0', profile: '3g.40gb' },
      })),
    ],
  },
];
