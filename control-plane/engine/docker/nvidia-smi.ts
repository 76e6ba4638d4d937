import { execFile } from 'node:child_process';

export interface SmiDevice {
  readonly index: number;
  readonly uuid: string;
  readonly model: string;
  readonly memoryBytes: number;
}

/** The GPUs of this machine as NVIDIA's driver lists them; empty where there is no driver, or it does not answer. */
export async function queryNvidiaSmi(signal: AbortSignal): Promise<readonly SmiDevice[]> {
  return new Promise(resolve => {
    execFile(
      'nvidia-smi',
      ['--query-gpu=index,uuid,name,memory.total', '--format=csv,noheader,nounits'],
      { timeout: DEADLINE_MS, killSignal: 'SIGKILL', signal, maxBuffer: 1024 * 1024 },
      (error, stdout) => resolve(error ? [] : parseSmi(stdout)),
    );
  });
}

/** Lines such as `0, GPU-5f…, NVIDIA H100 80GB HBM3, 81559`; memory is in MiB. */
export function parseSmi(output: string): readonly SmiDevice[] {
  return output.split('\n').flatMap(line => {
    const [index, uuid, model, memoryMib] = line.split(',').map(field => field.trim());
    if (!index || !uuid || !model || !memoryMib || !/^\d+$/.test(index) || !/^\d+$/.test(memoryMib)) return [];
    return [{ index: Number(index), uuid, model, memoryBytes: Number(memoryMib) * 1024 * 1024 }];
  });
}

const DEADLINE_MS = 5_000;
