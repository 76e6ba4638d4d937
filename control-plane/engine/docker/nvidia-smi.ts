import { OutriggerError } from '../../core/errors.ts';

/** What NVIDIA's driver says of the GPUs in a machine at one moment. */
export interface SmiReading {
  readonly gpus: readonly SmiGpu[];
  readonly slices: readonly SmiSlice[];
}

export interface SmiGpu {
  readonly index: number;
  readonly uuid: string;
  readonly model: string;
  /** Absent where the GPU has no memory of its own, or the driver does not say. */
  readonly memory?: SmiMemory;
  /** In MIG mode: only its slices can be used. */
  readonly divided: boolean;
}

/** One MIG slice. */
export interface SmiSlice {
  /** Of its GPU. */
  readonly gpuIndex: number;
  readonly index: number;
  readonly uuid: string;
  /** Such as `1g.10gb`. */
  readonly profile: string;
  readonly memory?: SmiMemory;
}

export interface SmiMemory {
  readonly totalBytes: number;
  /** Both absent where they cannot be measured. */
  readonly usedBytes?: number;
  readonly freeBytes?: number;
}

/** How one run of `nvidia-smi` ended. */
export interface SmiOutput {
  readonly exitCode: number;
  readonly stdout: string;
}

/**
 * The arguments of the runs whose outputs make a reading; all may be made by any user. `table` is needed only where
 * `list` shows slices: nothing else says how much memory those have.
 * https://docs.nvidia.com/deploy/nvidia-smi/ and https://docs.nvidia.com/datacenter/tesla/mig-user-guide/
 */
export const SMI_ARGUMENTS = {
  query: [
    '--query-gpu=index,uuid,name,memory.total,memory.used,memory.free,mig.mode.current',
    '--format=csv,noheader,nounits',
  ],
  list: ['-L'],
  table: [],
} as const satisfies Record<string, readonly string[]>;

/** Throws `unavailable` where the driver says nothing that can be read; a driver that says "no devices" is a reading. */
export function parseSmi(outputs: { query: SmiOutput; list?: SmiOutput; table?: SmiOutput }): SmiReading {
  const { query, list, table } = outputs;
  const gpus = query.stdout.split('\n').flatMap(parseGpu);
  if (gpus.length === 0 && !/No devices were found/i.test(query.stdout)) throw failure(query);
  const memory = parseSliceMemory(table?.stdout ?? '');
  const slices = parseSlices(list?.stdout ?? '').map(slice => {
    const known = memory.get(`${slice.gpuIndex}:${slice.index}`);
    return known ? { ...slice, memory: known } : slice;
  });
  const sliced = new Set(slices.map(s => s.gpuIndex));
  return { gpus: gpus.map(gpu => (sliced.has(gpu.index) ? { ...gpu, divided: true } : gpu)), slices };
}

/** A line such as `0, GPU-5f…, NVIDIA H100 80GB HBM3, 81559, 4, 81074, Disabled`; memory is in MiB, `[N/A]` where there is none. */
function parseGpu(line: string): readonly SmiGpu[] {
  const [index = '', uuid, model, total, used, free, mig] = line.split(',').map(field => field.trim());
  if (!/^\d+$/.test(index) || !uuid?.startsWith('GPU-') || !model) return [];
  const totalBytes = mebibytes(total);
  const usedBytes = mebibytes(used);
  const freeBytes = mebibytes(free);
  const measured = usedBytes !== undefined && freeBytes !== undefined && { usedBytes, freeBytes };
  return [
    {
      index: Number(index),
      uuid,
      model,
      divided: mig === 'Enabled',
      ...(totalBytes !== undefined && { memory: { totalBytes, ...measured } }),
    },
  ];
}

/**
 * Lines such as `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d…)`, each followed by its slices:
 * `  MIG 1g.5gb      Device  0: (UUID: MIG-c6…)`.
 */
export function parseSlices(list: string): readonly SmiSlice[] {
  let gpuIndex: number | null = null;
  return list.split('\n').flatMap(line => {
    const gpu = GPU_LINE.exec(line);
    if (gpu) gpuIndex = Number(gpu[1]);
    const [, profile, index, uuid] = SLICE_LINE.exec(line) ?? [];
    if (gpuIndex === null || profile === undefined || index === undefined || uuid === undefined) return [];
    return [{ gpuIndex, index: Number(index), uuid, profile }];
  });
}

export const GPU_LINE = /^GPU (\d+): .*\(UUID: (GPU-[^)]+)\)/;
export const SLICE_LINE = /^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)/;

/**
 * By `gpu:slice`, from the table of MIG devices that `nvidia-smi` alone prints. A row has the numbers of GPU, GPU
 * instance, compute instance and slice, then the memory: `|  0    1   0   0  |      5MiB / 20096MiB | 42 …`.
 */
export function parseSliceMemory(table: string): ReadonlyMap<string, SmiMemory> {
  const rows = table.matchAll(/^\|\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s+\|\s+(\d+)MiB\s+\/\s+(\d+)MiB/gm);
  return new Map(
    [...rows].map(([, gpu, slice, used, total]) => {
      const usedBytes = Number(used) * MIB;
      const totalBytes = Number(total) * MIB;
      return [`${gpu}:${slice}`, { totalBytes, usedBytes, freeBytes: totalBytes - usedBytes }];
    }),
  );
}

function mebibytes(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) * MIB : undefined;
}

function failure({ exitCode, stdout }: SmiOutput): OutriggerError {
  const words = stdout.trim().split('\n')[0]?.slice(0, 300) || 'it printed nothing';
  return new OutriggerError('unavailable', `nvidia-smi ended with ${exitCode}: ${words}`, {
    next: 'Run `nvidia-smi` on the node; until it answers, the devices stay as they were last known.',
  });
}

const MIB = 1024 * 1024;
