import { readdir, readFile } from 'node:fs/promises';

/** What a process holds and has used, as Linux counts it. */
export interface ProcessUsage {
  readonly residentBytes: number;
  /** Of all its threads since each began. */
  readonly cpuMs: number;
}

/** From /proc: `VmRSS`, and the scheduler's nanoseconds, which are finer than the ticks in `stat`. */
export async function processUsage(pid: number): Promise<ProcessUsage> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const residentKib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (residentKib === undefined) throw new Error(`process ${pid} has no VmRSS; has it ended?`);
  const threads = await readdir(`/proc/${pid}/task`);
  const spent = await Promise.all(
    threads.map(async thread =>
      Number((await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')).split(' ')[0]),
    ),
  );
  return { residentBytes: Number(residentKib) * 1_024, cpuMs: spent.reduce((sum, ns) => sum + ns, 0) / 1e6 };
}
